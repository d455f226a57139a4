// SPDX-License-Identifier: MIT
// A storage of which one operation fails, in a way that may pass.
#pragma once

#include "must/storage/kit/decorator.hpp"

#include <atomic>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace must_test {

template <must::CellStorage S>
class flaky_store : public must::kit::decorator<S> {
  using base = must::kit::decorator<S>;

 public:
  using typename base::event;

  explicit flaky_store(S& storage) : base(storage) {}

  // The n-th operation from now on, from 1, fails once. `done`: whether it is done before it fails.
  void fail_at(int operation, bool done) {
    done_ = done;
    failed_ = false;
    left_ = operation;
  }
  [[nodiscard]] bool has_failed() const { return failed_; }

  must::append_result append(std::span<event> events, const must::append_condition& condition) {
    return guarded("append", [&] { return this->storage().append(events, condition); });
  }
  must::read_result read(const must::query& which, const must::read_options& options, auto&& visitor) {
    return guarded("read", [&] { return this->storage().read(which, options, visitor); });
  }
  [[nodiscard]] must::position head() {
    return guarded("head", [&] { return this->storage().head(); });
  }
  [[nodiscard]] std::optional<must::cell> get(std::string_view key) {
    return guarded("get", [&] { return this->storage().get(key); });
  }
  bool put(std::string_view key, std::string_view bytes, std::uint64_t expected_revision) {
    return guarded("put", [&] { return this->storage().put(key, bytes, expected_revision); });
  }
  [[nodiscard]] std::vector<std::string> list(std::string_view prefix) {
    return guarded("list", [&] { return this->storage().list(prefix); });
  }

 private:
  template <typename Work>
  auto guarded(const char* operation, Work&& work) {
    const bool fails = --left_ == 0;
    if (fails && !done_) fail(operation);
    auto made = work();
    if (fails) fail(operation);
    return made;
  }
  [[noreturn]] void fail(const char* operation) {
    failed_ = true;
    must::raise({.code = must::error_code::storage_error,
                 .message = "the store is away",
                 .operation = operation,
                 .retryable = true});
  }
  std::atomic<int> left_{0};
  std::atomic<bool> done_{false}, failed_{false};
};

}  // namespace must_test
