// SPDX-License-Identifier: MIT
// Benchmarks that are judged against each other: the ratios of one run, side by side.
#pragma once

#include "benchmarks/spent.hpp"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

namespace ratios {

// `measured` costs at the most `limit` times what `baseline` does (by the median of the repetitions).
struct claim {
  std::string what, measured, baseline;
  double limit;
};

class reporter : public benchmark::ConsoleReporter {
 public:
  void ReportRuns(const std::vector<Run>& runs) override {
    for (const auto& run : runs)
      if (run.run_type == Run::RT_Iteration) {
        auto& [wall, cpu] = times_[run.run_name.function_name];
        wall.push_back(run.GetAdjustedRealTime());
        const auto counted = run.counters.find(bench::cpu_counter);
        cpu.push_back(counted == run.counters.end() ? run.GetAdjustedCPUTime() : counted->second.value);
      }
    ConsoleReporter::ReportRuns(runs);
  }
  // The medians, in nanoseconds.
  [[nodiscard]] bench::spent median(const std::string& name) const {
    const auto& [wall, cpu] = times_.at(name);
    return {middle(wall), middle(cpu)};
  }
  [[nodiscard]] bool has(const std::string& name) const { return times_.contains(name); }

 private:
  struct times {
    std::vector<double> wall, cpu;
  };
  static double middle(std::vector<double> all) {
    std::nth_element(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2), all.end());
    return all[all.size() / 2];
  }

  std::map<std::string, times> times_;
};

// What is said of a claim: a machine that others use lengthens the wall alone, and so does more waiting.
inline const char* verdict(double wall, double cpu, double limit) {
  if (wall <= limit) return "";
  return cpu <= limit ? "  over on the wall alone" : "  MISSED";
}

// Runs the benchmarks, their repetitions in random order, and prints the ratio of each claim that was measured.
inline int run(int argc, char** argv, const std::vector<claim>& claims) {
  std::string interleaving = "--benchmark_enable_random_interleaving=true";
  std::vector<char*> arguments(argv, argv + argc);
  arguments.insert(arguments.begin() + 1, interleaving.data());  // before those that are given, which may say otherwise
  int count = static_cast<int>(arguments.size());
  arguments.push_back(nullptr);
  benchmark::Initialize(&count, arguments.data());
  reporter console;
  benchmark::RunSpecifiedBenchmarks(&console);
  std::printf("\n%-64s %10s %10s %7s %7s %7s\n", "ratio", "wall ns", "baseline", "wall", "CPU", "limit");
  for (const auto& [what, measured, baseline, limit] : claims) {
    if (!console.has(measured) || !console.has(baseline)) continue;
    const auto cost = console.median(measured);
    const auto against = console.median(baseline);
    const auto wall = cost.wall / against.wall, cpu = cost.cpu / against.cpu;
    std::printf("%-64s %10.1f %10.1f %7.2f %7.2f %7.2f%s\n", what.c_str(), cost.wall, against.wall, wall, cpu, limit,
                verdict(wall, cpu, limit));
  }
  return 0;
}

}  // namespace ratios
