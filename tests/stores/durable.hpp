// SPDX-License-Identifier: MIT
// durable_store for the list of stores, in a directory.
#pragma once

#include "must/storage/durable.hpp"
#include "must/storage/objects/directory.hpp"
#include "must/testing/storage_suite.hpp"

#include "stores/made_by_open.hpp"
#include "support/temporary_folder.hpp"

#include <string>

namespace must_test {

struct durable_folder {
  temporary_folder folder{};
};

// A store in a directory of its own. It compacts now and then while it is tested.
struct durable_fixture : durable_folder, made_by_open<durable_fixture, must::durable_store<must::directory_objects>> {
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
};

}  // namespace must_test
