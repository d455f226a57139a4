// SPDX-License-Identifier: MIT
// Events for the tests of durable_store, whose data follows from their ids, so that what is read back can be checked.
#pragma once

#include "must/storage/durable.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace must_test {

// Nothing is kept in memory, so that everything is read from the storage.
inline must::durable_options quick(std::int64_t grace = 0, std::size_t segment_bytes = 1'500) {
  return {.log = {.timeout = must::duration(2'000'000), .cache_bytes = 0},
          .segment_bytes = segment_bytes,
          .segment_cache_bytes = 0,
          .grace = must::duration(grace)};
}
inline must::cloud_event durable_event(const std::string& id, const std::string& stream = "s") {
  must::cloud_event made{.id = id, .source = "/test", .type = "Noted", .subject = stream, .tags = {"t"}};
  made.data = must::payload("text/plain", "the data of " + id);
  return made;
}
must::appended put(auto& store, const std::string& id, const must::append_condition& condition = {},
                   const std::string& stream = "s") {
  auto one = durable_event(id, stream);
  return store.append(std::span(&one, 1), condition).value();
}
// Appends events whose ids are the numbers from `from` on.
void put_some(auto& store, int from, int count) {
  for (int i = from; i < from + count; ++i) put(store, std::to_string(i));
}
// Returns the ids of all events. A position that is not the next, and other data, make the text differ.
std::string ids_of(auto& store) {
  std::string all;
  must::position next = 1;
  static_cast<void>(store.read(must::query::all(), {}, [&](const auto& one) {
    if (one.position != next++ || one.data.bytes() != "the data of " + one.id) all += "?";
    all += one.id + " ";
  }));
  return all;
}
inline std::string numbers(int from, int to) {
  std::string all;
  for (int i = from; i <= to; ++i) all += std::to_string(i) + " ";
  return all;
}

}  // namespace must_test
