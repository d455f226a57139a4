// SPDX-License-Identifier: MIT
// Benchmarks that are judged against each other: the ratios of one run, side by side.
#pragma once

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
      if (run.run_type == Run::RT_Iteration) times_[run.run_name.function_name].push_back(run.GetAdjustedRealTime());
    ConsoleReporter::ReportRuns(runs);
  }
  [[nodiscard]] double median(const std::string& name) const {
    auto all = times_.at(name);
    std::nth_element(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2), all.end());
    return all[all.size() / 2];
  }
  [[nodiscard]] bool has(const std::string& name) const { return times_.contains(name); }

 private:
  std::map<std::string, std::vector<double>> times_;
};

// Runs the benchmarks and prints the ratio of each claim that was measured.
inline int run(int argc, char** argv, const std::vector<claim>& claims) {
  benchmark::Initialize(&argc, argv);
  reporter console;
  benchmark::RunSpecifiedBenchmarks(&console);
  std::printf("\n%-64s %10s %10s %7s %7s\n", "ratio", "ns", "baseline", "ratio", "limit");
  for (const auto& [what, measured, baseline, limit] : claims) {
    if (!console.has(measured) || !console.has(baseline)) continue;
    const auto cost = console.median(measured);
    const auto against = console.median(baseline);
    std::printf("%-64s %10.1f %10.1f %7.2f %7.2f%s\n", what.c_str(), cost, against, cost / against, limit,
                cost / against <= limit ? "" : "  MISSED");
  }
  return 0;
}

}  // namespace ratios
