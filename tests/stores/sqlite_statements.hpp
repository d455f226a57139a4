// SPDX-License-Identifier: MIT
// Counts the statements that SQLite runs in this process, whichever connection runs them.
#pragma once

#include <sqlite3.h>

#include <atomic>
#include <cstdint>
#include <string_view>

namespace must_test {

// Counts the statements whose text begins with a prefix, on connections that are opened while this lives. There is one
// counter at a time.
class sqlite_statements {
 public:
  explicit sqlite_statements(std::string_view prefix) {
    prefix_ = prefix;
    count_ = 0;
    ::sqlite3_auto_extension(reinterpret_cast<void (*)()>(&trace));
  }
  sqlite_statements(const sqlite_statements&) = delete;
  sqlite_statements& operator=(const sqlite_statements&) = delete;
  ~sqlite_statements() { ::sqlite3_cancel_auto_extension(reinterpret_cast<void (*)()>(&trace)); }

  [[nodiscard]] std::uint64_t count() const { return count_; }

 private:
  static int trace(::sqlite3* opened, const char**, const ::sqlite3_api_routines*) {
    return ::sqlite3_trace_v2(
        opened, SQLITE_TRACE_STMT,
        [](unsigned, void*, void*, void* text) {
          if (std::string_view(static_cast<const char*>(text)).substr(0, prefix_.size()) == prefix_) ++count_;
          return 0;
        },
        nullptr);
  }
  static inline std::string_view prefix_{};
  static inline std::atomic<std::uint64_t> count_{0};
};

}  // namespace must_test
