/* The shape that all programs of this folder share: for each line "N" on stdin they make N calls and answer with one
 * line of figures, so that a driver can let two of them take turns while both stay warm. */
#ifndef CORDON_BENCH_METER_H
#define CORDON_BENCH_METER_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

static inline double meter_wall_us(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

/* Of the whole process, all threads. */
static inline double meter_cpu_us(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
         (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static inline int meter_order(const void *left, const void *right) {
  const double a = *(const double *)left;
  const double b = *(const double *)right;
  return (a > b) - (a < b);
}

/* Answers "<median wall us> <90th percentile wall us> <mean CPU us> <mean wall us>" for each batch until stdin ends.
 * A call returns 0 when it did its work; anything else ends the program. */
static inline int meter_serve(int (*call)(void *), void *context) {
  char line[32];
  puts("ready");
  fflush(stdout);
  while (fgets(line, sizeof line, stdin) != NULL) {
    const size_t count = (size_t)strtoul(line, NULL, 10);
    double *took = calloc(count + 1, sizeof *took);
    size_t i;
    double cpu;
    double wall;
    if (took == NULL || count == 0) {
      free(took);
      return 1;
    }
    cpu = meter_cpu_us();
    wall = meter_wall_us();
    for (i = 0; i < count; ++i) {
      const double start = meter_wall_us();
      if (call(context) != 0) {
        free(took);
        return 1;
      }
      took[i] = meter_wall_us() - start;
    }
    cpu = (meter_cpu_us() - cpu) / (double)count;
    wall = (meter_wall_us() - wall) / (double)count;
    qsort(took, count, sizeof *took, meter_order);
    printf("%.1f %.1f %.1f %.1f\n", took[count / 2], took[count * 9 / 10], cpu, wall);
    fflush(stdout);
    free(took);
  }
  return 0;
}

/* The next line of a file of machine ids, without its end; NULL when there is none left. */
static inline const char *meter_next_line(FILE *lines) {
  static char line[128];
  if (fgets(line, sizeof line, lines) == NULL) {
    fputs("no machine left\n", stderr);
    return NULL;
  }
  line[strcspn(line, "\n")] = '\0';
  return line;
}

#endif
