// SPDX-License-Identifier: MIT
// The exception of an expectation that is not met. Every test framework shows its text.
#pragma once

#include "must/config.hpp"  // IWYU pragma: keep

#include <exception>
#include <string>
#include <utility>

/// Tests of commands without a store, output that is the same every time, and suites for stores and deliveries.
namespace must::testing {

/// An expectation that was not met: what was expected and what was found, in what().
class assertion_failed final : public std::exception {
 public:
  /// Says what was expected and what was found.
  explicit assertion_failed(std::string text) : text_(std::move(text)) {}
  /// Returns what was expected and what was found.
  [[nodiscard]] const char* what() const noexcept override { return text_.c_str(); }

 private:
  std::string text_;
};

}  // namespace must::testing
