// SPDX-License-Identifier: MIT
// One state in four releases, for tests of snapshots: as it was, with an event more, with a member more, and with
// another meaning.
#pragma once

#include "must/codec/json.hpp"
#include "must/event.hpp"

#include <string>
#include <vector>

namespace must_test {

struct Counted {
  static constexpr auto type = "counted";
  std::string shelf;
  int amount;
  [[nodiscard]] std::string stream() const { return shelf; }
  [[nodiscard]] std::vector<std::string> tags() const { return {"shelf:" + shelf}; }
};
struct Returned {
  static constexpr auto type = "returned";
  std::string shelf;
  int amount;
  [[nodiscard]] std::string stream() const { return shelf; }
  [[nodiscard]] std::vector<std::string> tags() const { return {"shelf:" + shelf}; }
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Counted, shelf, amount)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Returned, shelf, amount)

namespace as_it_was {
struct Shelf {
  using events = must::events<Counted>;
  static constexpr int snapshot_every = 2;
  int sum = 0;
  void apply(const Counted& event) { sum += event.amount; }
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Shelf, sum)
}  // namespace as_it_was
namespace with_an_event {
struct Shelf {
  using events = must::events<Counted, Returned>;
  static constexpr int snapshot_every = 2;
  int sum = 0;
  void apply(const Counted& event) { sum += event.amount; }
  void apply(const Returned& event) { sum -= event.amount; }
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Shelf, sum)
}  // namespace with_an_event
namespace with_a_member {
struct Shelf {
  using events = must::events<Counted, Returned>;
  static constexpr int snapshot_every = 3;
  int sum = 0;
  int last = 0;
  void apply(const Counted& event) { sum += event.amount, last = event.amount; }
  void apply(const Returned& event) { sum -= event.amount, last = -event.amount; }
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Shelf, sum, last)
}  // namespace with_a_member
namespace with_another_meaning {
struct Shelf {
  using events = must::events<Counted, Returned>;
  static constexpr int snapshot_every = 1;
  static constexpr int schema_version = 2;
  int sum = 0;
  void apply(const Counted& event) { sum += 10 * event.amount; }
  void apply(const Returned& event) { sum -= 10 * event.amount; }
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Shelf, sum)
}  // namespace with_another_meaning

}  // namespace must_test
