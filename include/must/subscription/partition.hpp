// SPDX-License-Identifier: MIT
// event_head and key_of, public: the key of an event. Events of one key are handled one after another, and wait behind
// one that is parked.
#pragma once

#include "must/fwd.hpp"
#include "must/record.hpp"
#include "must/stored_names.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <variant>

namespace must {

/// What subscription_options::key_of sees of an event: all members but the data.
struct event_head {
  must::position position;       ///< The position of the event.
  const std::string& id;         ///< The id of the event.
  const std::string& source;     ///< The source of the event.
  const std::string& type;       ///< The type of the event.
  const std::string& stream;     ///< The stream of the event, or an empty text.
  const tag_set& tags;           ///< The tags of the event.
  const attributes& extensions;  ///< The other attributes, must::metadata among them.
};

/// Returns the key of an event, or an empty text when it has none.
using key_function = std::function<std::string(const event_head&)>;

namespace detail::following {

// Returns the key by the option, else the extension "partitionkey", else the stream. It is empty where there is none.
template <typename Data>
std::string partition_key(const recorded<Data>& event, const key_function& key_of = {}) {
  if (key_of) {
    auto key =
        key_of({event.position, event.id, event.source, event.type, event.subject, event.tags, event.extensions});
    for (auto& byte : key)
      if (byte == '\0') byte = ' ';
    return key;
  }
  const auto found = event.extensions.find(std::string_view(stored_names::extension::partition_key));
  const auto* key = found == event.extensions.end() ? nullptr : std::get_if<std::string>(&found->second);
  return key == nullptr ? event.subject : *key;
}
// Returns the lane of a key by FNV-1a, mixed as MurmurHash3 does at its end. It is the same in every run, since the
// checkpoints of lanes are kept. Events without a key have no order, and go round.
inline std::size_t lane_of(std::string_view key, position event, std::size_t lanes) {
  if (key.empty()) return static_cast<std::size_t>(event % lanes);
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const auto byte : key) hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3U;
  hash = (hash ^ (hash >> 33U)) * 0xff51afd7ed558ccdU;
  hash = (hash ^ (hash >> 33U)) * 0xc4ceb9fe1a85ec53U;
  return static_cast<std::size_t>((hash ^ (hash >> 33U)) % lanes);
}

}  // namespace detail::following
}  // namespace must
