// error: must: std::hash does not know the keys of keyed<>: specialise it
// SPDX-License-Identifier: MIT
#include "must/model/keyed.hpp"

struct Key {
  int number = 0;
  friend bool operator==(const Key&, const Key&) = default;
};
#ifndef MUST_COMPILE_FAIL
template <>
struct std::hash<Key> {
  std::size_t operator()(const Key& key) const { return static_cast<std::size_t>(key.number); }
};
#endif
struct Event {};
struct Total {
  using events = must::events<Event>;
  static Key key_of(const Event&) { return {}; }
  void apply(const Event&) {}
};
const auto boundary = must::every<must::keyed<Total>>();
