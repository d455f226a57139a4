// SPDX-License-Identifier: MIT
// The stores of a fixture whose stores cannot be moved.
#pragma once

#include <optional>

namespace must_test {

// What a fixture with `Store open() const` derives from: it makes its stores in place. The fixture derives before from
// what its stores stand on, which so outlives them.
template <typename Fixture, typename Store>
class made_by_open {
 public:
  using store_type = Store;

  store_type& store() {
    if (!store_) reopen();
    return *store_;
  }
  store_type& other() {
    if (!other_) other_.emplace(opened{self()});
    return *other_;
  }
  void reopen() {
    store_.reset();
    store_.emplace(opened{self()});
  }
  void close() {
    store_.reset();
    other_.reset();
  }

 private:
  struct opened {
    const Fixture& of;
    operator store_type() const { return of.open(); }
  };
  [[nodiscard]] const Fixture& self() const { return static_cast<const Fixture&>(*this); }

  std::optional<store_type> store_{}, other_{};
};

}  // namespace must_test
