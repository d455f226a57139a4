// SPDX-License-Identifier: MIT
// A store that becomes another one under who uses it, as when a backup is put back.
#pragma once

#include "must/storage.hpp"

#include <atomic>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace must_test {

template <must::CellStorage S>
class switchable_store {
 public:
  using data_type = typename S::data_type;
  using event = must::basic_event<data_type>;

  explicit switchable_store(S& first) : now_(&first) {}
  void switch_to(S& other) { now_ = &other; }

  must::append_result append(std::span<event> events, const must::append_condition& condition) {
    return now_.load()->append(events, condition);
  }
  template <typename Visitor>
  must::read_result read(const must::query& which, const must::read_options& options, Visitor&& visitor) {
    return now_.load()->read(which, options, std::forward<Visitor>(visitor));
  }
  must::position head() { return now_.load()->head(); }
  must::version version(std::string_view stream) { return now_.load()->version(stream); }
  auto find(std::string_view source, std::string_view id) { return now_.load()->find(source, id); }
  const must::origin& origin() const { return now_.load()->origin(); }
  auto get(std::string_view key) { return now_.load()->get(key); }
  bool put(std::string_view key, std::string_view bytes, std::uint64_t expected) {
    return now_.load()->put(key, bytes, expected);
  }
  std::vector<std::string> list(std::string_view prefix) { return now_.load()->list(prefix); }

 private:
  std::atomic<S*> now_;
};

}  // namespace must_test
