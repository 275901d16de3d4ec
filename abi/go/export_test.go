package cordon

import "os"

// What only tests call from outside.
var (
	Because  = because
	IsAnswer = isAnswer
	UnlessOK = unlessOK
)

// UseDeafPump gives the client a pump whose descriptor never becomes readable, as when somebody else has read the newest
// event before the pump has looked. The returned function gives back what it holds.
func (c *Client) UseDeafPump() (end func(), err error) {
	silent, writer, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	p := &pump{
		client:     c,
		descriptor: silent,
		waiting:    map[string]map[chan struct{}]struct{}{},
		advanced:   make(chan struct{}),
	}
	if p.cursor, err = c.newestEvent(); err != nil {
		return nil, err
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.pump = p
	return func() {
		silent.Close()
		writer.Close()
	}, nil
}
