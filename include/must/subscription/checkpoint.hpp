// SPDX-License-Identifier: MIT
// The checkpoint of a subscription: how far it has come, in which history, and what it left behind.
#pragma once

#include "must/fwd.hpp"
#include "must/storage.hpp"
#include "must/subscription/anchor.hpp"
#include "must/subscription/fields.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace must::detail::following {

struct checkpoint {
  anchor handled{};
  std::string history{};
  bool clean = true;  // Whether the last owner stopped in order.
  unsigned lanes = 1;
  std::uint64_t since = 0;    // The first epoch after the last reset. The other cells of earlier epochs are void.
  std::int64_t error_at = 0;  // Microseconds since 1970.
  std::string error{};        // The text of the last error.

  static constexpr std::size_t least_fields = 6;  // Earlier releases wrote so many.

  [[nodiscard]] std::vector<std::string> fields() const {
    return {
        std::to_string(handled.at), handled.mark.source,   handled.mark.id,          history,         clean ? "1" : "0",
        std::to_string(lanes),      std::to_string(since), std::to_string(error_at), cell_text(error)};
  }
  [[nodiscard]] static checkpoint of(const std::vector<std::string>& fields) {
    return {{read_count(fields, 0), {read_field(fields, 1), read_field(fields, 2)}},
            read_field(fields, 3),
            read_field(fields, 4) == "1",
            std::max(1U, read_count<unsigned>(fields, 5, 1'024)),
            read_count(fields, 6),
            read_count<std::int64_t>(fields, 7),
            read_field(fields, 8)};
  }
};

template <Storage S>
checkpoint checkpoint_at(S& storage, position at) {
  return {.handled = anchor_at(storage, at).found, .history = history_of(storage)};
}

// Throws history_changed when the store is not the one that the checkpoint belongs to, as far as that can be seen.
template <Storage S>
void verify(const std::string& name, const checkpoint& from, S& storage) {
  verify(name, from.handled, storage);
  const auto history = history_of(storage);
  if (!from.history.empty() && !history.empty() && from.history != history)
    raise_history_changed(name, from.handled, "the store is another one");
}

}  // namespace must::detail::following
