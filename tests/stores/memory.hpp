// SPDX-License-Identifier: MIT
// memory_store for the list of stores: of cloud events, and of structs.
#pragma once

#include "must/storage/memory.hpp"
#include "must/testing/storage_suite.hpp"

#include <cstdint>
#include <string>

namespace must_test {

struct memory_fixture {
  static std::string name() { return "memory_store"; }
  static std::string tags() { return {}; }
  static constexpr must::testing::capabilities capabilities{.cells = true, .batches = true, .waiting = true};
  static bool is_available() { return true; }
  must::memory_store<>& store() { return store_; }
  must::memory_store<>& other() { return store_; }
  must::memory_store<> store_{};
};

struct noted {
  static constexpr auto type = "noted";
  int n = 0;
  friend bool operator==(const noted&, const noted&) = default;
};
struct written {
  static constexpr auto type = "written";
  std::string text;
  friend bool operator==(const written&, const written&) = default;
};

struct structs_fixture {
  static std::string name() { return "memory_store of structs"; }
  static std::string tags() { return {}; }
  static constexpr must::testing::capabilities capabilities{.cells = true, .batches = true, .waiting = true};
  static bool is_available() { return true; }
  using data_type = must::memory_store<noted, written>::data_type;
  static data_type data(std::uint64_t n) {
    if (n % 2 == 0) return noted{static_cast<int>(n)};
    return written{std::to_string(n)};
  }
  must::memory_store<noted, written>& store() { return store_; }
  must::memory_store<noted, written>& other() { return store_; }
  must::memory_store<noted, written> store_{};
};

}  // namespace must_test
