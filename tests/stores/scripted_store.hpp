// SPDX-License-Identifier: MIT
// A store before a store: keeps what was asked of it, and does what a test wants before and after an append.
#pragma once

#include "must/storage.hpp"

#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace must_test {

template <must::Storage S>
class scripted_store {
 public:
  using data_type = typename S::data_type;
  struct call {
    std::vector<must::basic_event<data_type>> events;
    must::append_condition condition;
  };

  explicit scripted_store(S& inner) : inner_(&inner) {}

  std::vector<call> appends{};                                              ///< each append, as it came
  std::vector<must::read_options> reads{};                                  ///< each read, as it came
  std::function<std::optional<must::append_result>(std::size_t)> before{};  ///< the n-th append, from 1; its own answer
  std::function<void(std::size_t)> after{};  ///< the n-th append is stored, or in conflict
  std::function<void(std::size_t)> before_read{};

  must::append_result append(std::span<must::basic_event<data_type>> events, const must::append_condition& condition) {
    appends.push_back({{events.begin(), events.end()}, condition});
    const auto number = appends.size();
    if (before)
      if (auto answer = before(number)) return *answer;
    std::vector<must::basic_event<data_type>> sent(events.begin(), events.end());  // after may throw: keep the caller's
    auto done = inner_->append(std::span<must::basic_event<data_type>>(sent), condition);
    if (after) after(number);
    return done;
  }
  must::read_result read(const must::query& which, const must::read_options& options, auto&& visitor) {
    reads.push_back(options);
    if (before_read) before_read(reads.size());
    return inner_->read(which, options, visitor);
  }
  [[nodiscard]] must::position head() { return inner_->head(); }
  [[nodiscard]] must::version version(std::string_view stream) { return inner_->version(stream); }
  [[nodiscard]] std::optional<must::recorded<data_type>> find(std::string_view source, std::string_view id) {
    return inner_->find(source, id);
  }
  [[nodiscard]] const must::origin& origin() { return inner_->origin(); }

 private:
  S* inner_;
};

}  // namespace must_test
