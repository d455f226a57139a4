// SPDX-License-Identifier: MIT
// durable_store for the list of stores, in a directory.
#pragma once

#include "must/storage/durable.hpp"
#include "must/storage/objects/directory.hpp"
#include "must/testing/storage_suite.hpp"

#include "support/temporary_folder.hpp"

#include <optional>
#include <string>

namespace must_test {

// A store in a directory of its own. It compacts now and then while it is tested.
struct durable_fixture {
  using store_type = must::durable_store<must::directory_objects>;
  using on_a_log = void;
  static std::string name() { return "durable_store"; }
  static std::string tags() { return "[durable]"; }
  static constexpr must::testing::capabilities capabilities{
      .cells = true, .batches = true, .waiting = true, .shared = true, .durable = true};
  static bool is_available() { return true; }

  [[nodiscard]] store_type open() const {
    return store_type(
        must::directory_objects({.path = folder.file("objects"), .durability = must::directory_durability::none}),
        {.compact_every = 7, .segment_bytes = 65'536, .grace = must::duration(100'000)});
  }
  store_type& store() {
    if (!store_) reopen();
    return *store_;
  }
  store_type& other() {
    if (!other_) other_.emplace(opened{*this});
    return *other_;
  }
  void reopen() {
    store_.reset();
    store_.emplace(opened{*this});
  }
  void close() {
    store_.reset();
    other_.reset();
  }

  temporary_folder folder{};

 private:
  // A store cannot be moved, and so is made in place.
  struct opened {
    const durable_fixture& of;
    operator store_type() const { return of.open(); }
  };
  std::optional<store_type> store_{}, other_{};
};

}  // namespace must_test
