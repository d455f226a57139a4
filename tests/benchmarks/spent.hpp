// SPDX-License-Identifier: MIT
// What a benchmark that measures itself has spent: time on the wall, and time of processors, which others do not
// lengthen.
#pragma once

#include <benchmark/benchmark.h>

#include <chrono>
#include <ctime>

namespace bench {

struct spent {
  double wall = 0, cpu = 0;  // seconds

  spent& operator+=(const spent& other) {
    wall += other.wall;
    cpu += other.cpu;
    return *this;
  }
  friend spent operator/(const spent& all, double count) { return {all.wall / count, all.cpu / count}; }
};

// Counts from its making on: of processors the time of the whole process, or of this thread (CLOCK_THREAD_CPUTIME_ID).
class stopwatch {
 public:
  explicit stopwatch(clockid_t cpu = CLOCK_PROCESS_CPUTIME_ID) : cpu_(cpu) {}
  [[nodiscard]] spent time() const {
    return {std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(),
            cpu_seconds(cpu_) - cpu_start_};
  }
  [[nodiscard]] double seconds() const { return time().wall; }

 private:
  static double cpu_seconds(clockid_t clock) {
    timespec now{};
    ::clock_gettime(clock, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
  }

  clockid_t cpu_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  double cpu_start_ = cpu_seconds(cpu_);
};

// The name of the counter in which a benchmark with UseManualTime() keeps its time of processors.
inline constexpr const char* cpu_counter = "cpu ns";

// Sets the time of one of what an iteration has done.
inline void set_time(benchmark::State& state, const spent& one) {
  state.SetIterationTime(one.wall);
  state.counters[cpu_counter] = one.cpu * 1e9;
}

}  // namespace bench
