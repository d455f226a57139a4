// SPDX-License-Identifier: MIT
// What is asked of an HTTP server, what it answers, and why no answer came.
#pragma once

#include "must/config.hpp"  // IWYU pragma: keep

#include <cstddef>
#include <exception>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace must::detail::http {

struct header {
  std::string name{}, value{};
};

constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

constexpr bool is_same_name(std::string_view left, std::string_view right) {
  if (left.size() != right.size()) return false;
  for (std::size_t i = 0; i < left.size(); ++i)
    if (lower(left[i]) != lower(right[i])) return false;
  return true;
}

// The target is a path with its query, encoded as it stands on the request line.
struct request {
  std::string method = "GET";
  std::string target = "/";
  std::vector<header> headers{};
  std::string_view body{};
};

struct response {
  int status = 0;
  std::vector<header> headers{};
  std::string body{};
  // The sink stopped the transfer before its end.
  bool stopped = false;

  [[nodiscard]] bool is_success() const { return status >= 200 && status < 300; }
  // Returns the value of the first header of that name, or nothing.
  [[nodiscard]] std::string_view value_of(std::string_view name) const {
    for (const auto& one : headers)
      if (is_same_name(one.name, name)) return one.value;
    return {};
  }
};

// No answer came, or only a part of one. The server may have carried the request out when it may have arrived.
class failure final : public std::exception {
 public:
  failure(std::string why, bool may_have_arrived, bool may_help_again)
      : why_(std::move(why)), may_have_arrived_(may_have_arrived), may_help_again_(may_help_again) {}

  [[nodiscard]] const char* what() const noexcept override { return why_.c_str(); }
  [[nodiscard]] bool may_have_arrived() const noexcept { return may_have_arrived_; }
  // Another attempt may succeed, without a change to anything.
  [[nodiscard]] bool may_help_again() const noexcept { return may_help_again_; }

 private:
  std::string why_;
  bool may_have_arrived_, may_help_again_;
};

}  // namespace must::detail::http
