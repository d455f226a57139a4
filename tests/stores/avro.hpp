// SPDX-License-Identifier: MIT
// avro_store for the list of stores, and what its tests share.
#pragma once

#include "must/must.hpp"
#include "must/storage/avro.hpp"
#include "must/testing/storage_suite.hpp"

#include "support/temporary_folder.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>

namespace must_test {

inline must::avro_options avro_on(const std::string& path, std::uint64_t rotate_bytes = 0) {
  return {.path = path, .durability = must::avro_durability::none, .rotate_bytes = rotate_bytes};
}
inline must::cloud_event avro_event(std::string id, std::string stream = "s", must::tag_set tags = {"t"}) {
  must::cloud_event made{.id = std::move(id), .source = "/test", .type = "Noted", .subject = std::move(stream)};
  made.tags = std::move(tags);
  made.data = must::payload("text/plain", "n");
  return made;
}
inline must::append_result append(must::avro_store& store, must::cloud_event one,
                                  const must::append_condition& condition = {}) {
  return store.append(std::span(&one, 1), condition);
}

// A store whose events are in several files, when there are many of them.
struct avro_fixture {
  using on_a_log = void;
  static std::string name() { return "avro_store"; }
  static std::string tags() { return "[avro]"; }
  static constexpr must::testing::capabilities capabilities{
      .cells = true, .batches = true, .waiting = true, .shared = true, .durable = true};
  static bool is_available() { return true; }

  [[nodiscard]] must::avro_store open() const { return must::avro_store(options()); }
  must::avro_store& store() {
    if (!store_) reopen();
    return *store_;
  }
  must::avro_store& other() {
    if (!other_) other_.emplace(options());
    return *other_;
  }
  void reopen() { store_.emplace(options()); }
  void close() {
    store_.reset();
    other_.reset();
  }

  temporary_folder folder{};

 private:
  [[nodiscard]] must::avro_options options() const {
    auto made = avro_on(folder.file("events.avro"), 50'000);
    made.timeout = must::duration(60'000'000);  // The suite has limits of its own for what hangs.
    made.cache_bytes = 8'000;
    return made;
  }
  std::optional<must::avro_store> store_{}, other_{};
};

}  // namespace must_test
