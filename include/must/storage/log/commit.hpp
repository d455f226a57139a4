// SPDX-License-Identifier: MIT
// commit: what one append, or one batch of appends, stores in a log.
#pragma once

#include "must/detail/crc32c.hpp"
#include "must/error.hpp"
#include "must/fwd.hpp"
#include "must/record.hpp"
#include "must/storage/kit/row.hpp"
#include "must/timestamp.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace must {

/// What one append, or one batch of appends, stores in a log. It is stored as one, and so whole or not at all.
struct commit {
  /// The position of the first event. The others follow without gaps.
  position first = 0;
  /// A UUID. It tells the commit from every other that was ever put at its position.
  std::string id{};
  /// The name of the store that has made the commit, for a person to read.
  std::string writer{};
  /// The time of the commit, which is the `recorded_at` of its events. It is never before that of an earlier commit.
  timestamp time{};
  /// The number of events of each append, in order. Their sum is the number of events.
  std::vector<std::uint32_t> appends{};
  /// The events, in order. A log gives them back with their versions; positions and times follow from the commit.
  std::vector<recorded<payload>> events{};
  /// The CRC-32C of all of the above. \see crc_of
  std::uint32_t crc = 0;
  /// A number of the log, by which it finds the commit again, such as an offset. It is no part of the content.
  std::uint64_t place = 0;

  /// Returns the position of the last event.
  [[nodiscard]] position last() const noexcept { return first + events.size() - 1; }
};

/// What became of a commit that was put into a log.
enum class put_outcome : std::uint8_t {
  won,     ///< The commit is stored, and durable.
  lost,    ///< A commit begins at that position: most likely another, else this one, put by an earlier attempt.
  unknown  ///< The log cannot say. The commit may be stored, now or later.
};

/// Returns the CRC-32C of the content of a commit, under an encoding that is the same for every log.
[[nodiscard]] inline std::uint32_t crc_of(const commit& of) {
  kit::row_writer to;
  to.integer(of.first).text(of.id).text(of.writer).time(of.time).integer(of.appends.size());
  for (const auto size : of.appends) to.integer(size);
  to.integer(of.events.size());
  auto crc = detail::crc32c(to.bytes);
  for (const auto& event : of.events) {
    to.bytes.clear();
    to.integer(event.version.value).text(event.id).text(event.source).text(event.type).text(event.subject);
    to.integer(event.tags.size());
    for (const auto& tag : event.tags) to.text(tag);
    to.integer(event.time ? 1 : 0);
    if (event.time) to.integer(static_cast<std::uint64_t>(event.time->microseconds));
    to.text(kit::pack_attributes(event));
    to.integer(static_cast<std::uint64_t>(event.data.state())).text(event.data.content_type());
    to.text(event.data.bytes());
    crc = detail::crc32c(to.bytes, crc);
  }
  return crc;
}

namespace detail::log {

[[noreturn]] inline void raise_damaged(position first, std::string_view what) {
  raise({.code = error_code::storage_error,
         .message = "the commit at position " + std::to_string(first) + " is damaged: " + std::string(what),
         .position = first,
         .operation = "read",
         .backend_code = "damaged"});
}

// Checks a commit that a log has handed out, and gives its events what follows from the commit. A log that checks its
// bytes itself has its commits checked `but_for_crc`.
inline void check_commit(commit& read, bool but_for_crc = false) {
  std::size_t count = 0;
  for (const auto size : read.appends) count += size;
  if (read.events.empty() || count != read.events.size()) raise_damaged(read.first, "its appends are not its events");
  if (!but_for_crc && crc_of(read) != read.crc) raise_damaged(read.first, "its content has another CRC-32C");
  for (std::size_t i = 0; i < read.events.size(); ++i) {
    read.events[i].position = read.first + i;
    read.events[i].recorded_at = read.time;
  }
}

}  // namespace detail::log

}  // namespace must
