// Command read makes warm reads through the Go binding: see ../../bindings.py.
//
//	read CONFIG MACHINE
package main

import (
	"bufio"
	"context"
	"fmt"
	"log"
	"os"
	"sort"
	"strconv"
	"time"

	"cordon"
)

func main() {
	config, err := os.ReadFile(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	client, err := cordon.Open(string(config))
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	fmt.Println("ready")
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		count, err := strconv.Atoi(lines.Text())
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%.1f\n", median(client, os.Args[2], count))
	}
}

// median is the time of a call in microseconds. Its context can be cancelled, as a host's can.
func median(client *cordon.Client, machine string, count int) float64 {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	took := make([]float64, count)
	for i := range took {
		var device map[string]any
		start := time.Now()
		err := client.Read(ctx, "get_machine", map[string]string{"machine_id": machine}, nil, &device)
		took[i] = float64(time.Since(start).Nanoseconds()) / 1e3
		if err != nil {
			log.Fatal(err)
		}
	}
	sort.Float64s(took)
	return took[count/2]
}
