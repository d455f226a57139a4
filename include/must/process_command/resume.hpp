// SPDX-License-Identifier: MIT
// Keeps states that were folded before: in the process by a store that caches, and as snapshots in cells.
#pragma once

#include "must/codec/codec.hpp"
#include "must/detail/digest.hpp"
#include "must/detail/members.hpp"
#include "must/event.hpp"
#include "must/fwd.hpp"
#include "must/query.hpp"
#include "must/record.hpp"
#include "must/storage.hpp"
#include "must/stored_names.hpp"
#include "must/timestamp.hpp"

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace must::detail::pipeline {

// The last event that was folded into a state. A command that is repeated after a restore stores its event again under
// the same id, and so the time at which it was recorded tells the two apart. It is 0 where it is not known.
struct folded_event {
  must::position position = 0;
  std::string id{};
  std::int64_t recorded = 0;  // Microseconds since 1970.
};

template <typename S>
struct folded_state {
  S state;
  must::version version = 0;
  folded_event last{};
  std::uint64_t unsaved = 0;  // The number of events since the last snapshot.
};

// The place where a fold goes on. The read begins with the last event that was folded. When that is not the first to
// come, the state is of another history.
class resume_point {
 public:
  resume_point() = default;
  resume_point(folded_event last, std::uint64_t unsaved) : last_(std::move(last)), unsaved_(unsaved), awaits_(true) {}

  [[nodiscard]] position read_after() const { return awaits_ ? last_.position - 1 : 0; }
  // Returns whether an event is a new one.
  bool admits(position at, std::string_view id, timestamp recorded) {
    if (awaits_ && at < last_.position) return false;
    if (awaits_) {
      stale_ = stale_ || at != last_.position || id != last_.id ||
               (last_.recorded != 0 && recorded.microseconds != last_.recorded);
      awaits_ = false;
      return false;
    }
    last_.position = at;
    last_.id = id;
    last_.recorded = recorded.microseconds;
    ++unsaved_;
    return true;
  }
  [[nodiscard]] bool is_stale() const { return stale_ || awaits_; }
  [[nodiscard]] const folded_event& last() const { return last_; }
  [[nodiscard]] std::uint64_t unsaved() const { return unsaved_; }
  void saved(std::uint64_t left) { unsaved_ = left; }

 private:
  folded_event last_{};
  std::uint64_t unsaved_ = 0;
  bool awaits_ = false;
  bool stale_ = false;
};

template <typename S>
concept has_snapshots = requires { S::snapshot_every; } && Encodable<S>;
template <typename S>
concept caches_states = requires(S& storage) { typename S::caches_states; };
template <typename S, typename Storage>
inline constexpr bool is_resumable = caches_states<Storage> || (has_snapshots<S> && CellStorage<Storage>);

// Writes what a state learns from: each of its events under all of its names, and with the version that it is read as.
template <typename... Event>
void put_events(content_writer& writer, events<Event...> all) {
  const auto names = all_names(all);
  writer.put_word(names.size());
  for (const auto& name : names) writer.put_bytes(name);
  (writer.put_word(static_cast<std::uint64_t>(schema_version<Event>)), ...);
}

// Returns the name of a state: its own `type`, or else what the compiler calls it, with namespaces and arguments, so
// that two states of one plain name do not share their snapshots.
template <typename S>
constexpr std::string_view name_of_state() {
  if constexpr (has_static_type<S>) {
    constexpr auto own = own_name<S>();
    return {own.data(), own.size()};
  } else {
    return __PRETTY_FUNCTION__;
  }
}

// Returns what tells one state from every other: its boundary, its name and schema version, its events, and its layout
// as far as that shows. A state that would be folded otherwise now has another key.
template <typename S>
std::string state_key(const query_item& of) {
  content_writer writer;
  writer.put_bytes(name_of_state<S>());
  writer.put_word(static_cast<std::uint64_t>(schema_version<S>));
  put_events(writer, typename S::events{});
  writer.put_word(sizeof(S));
  writer.put_word(member_count<S>);
  writer.put_bytes("recorded");  // What a snapshot holds beside the state. Without it earlier releases kept theirs.
  for (const auto* texts : {&of.types, &of.tags}) {
    writer.put_word(texts->size());
    for (const auto& text : *texts) writer.put_bytes(text);
  }
  writer.put_word(of.stream ? 1 : 0);
  writer.put_bytes(of.stream.value_or(""));
  std::string key(stored_names::snapshots);
  for (const unsigned byte : writer.finish()) (key += "0123456789abcdef"[byte >> 4U]) += "0123456789abcdef"[byte & 15U];
  return key;
}

// The form of a snapshot is
// "<position> <version> <id bytes> <id><content type bytes> <content type><recorded> <bytes>".
template <typename S>
std::optional<folded_state<S>> read_snapshot(std::string_view bytes) {
  const auto number = [&] {
    std::uint64_t value = 0;
    for (; !bytes.empty() && bytes.front() >= '0' && bytes.front() <= '9'; bytes.remove_prefix(1))
      value = value * 10 + static_cast<std::uint64_t>(bytes.front() - '0');
    if (!bytes.empty()) bytes.remove_prefix(1);
    return value;
  };
  const auto text = [&] {
    const auto size = number();
    std::string taken(bytes.substr(0, size));
    bytes.remove_prefix(taken.size());
    return taken;
  };
  folded_event last;
  last.position = number();
  const must::version version(number());
  last.id = text();
  const auto type = text();
  last.recorded = static_cast<std::int64_t>(number());  // A time before 1970 is above 2^63 there.
  if (last.position == 0) return std::nullopt;
  return folded_state<S>{codec<S>::decode(payload(type, std::string(bytes))), version, std::move(last), 0};
}
// Returns the position of the last event in the state, or 0 for a cell that is no snapshot.
inline must::position position_of_snapshot(std::string_view bytes) {
  must::position at = 0;
  std::from_chars(bytes.data(), bytes.data() + bytes.size(), at);
  return at;
}
template <typename S>
std::string write_snapshot(const folded_state<S>& from) {
  const auto data = codec<S>::encode(from.state);
  std::string bytes = std::to_string(from.last.position) + ' ' + std::to_string(from.version.value) + ' ';
  for (const auto& text : {from.last.id, data.content_type()}) (bytes += std::to_string(text.size()) += ' ') += text;
  return (bytes += std::to_string(static_cast<std::uint64_t>(from.last.recorded)) += ' ') += data.bytes();
}

// Reads a snapshot. One that cannot be read, for whatever reason, is as good as none.
template <typename S, typename Storage>
std::optional<folded_state<S>> recall_snapshot(Storage& storage, const query_item& of) {
  try {
    const auto found = storage.get(state_key<S>(of));
    return found ? read_snapshot<S>(found->bytes) : std::nullopt;
  } catch (...) {
    return std::nullopt;
  }
}
// Writes a snapshot. Returns how many events are left without one. One that cannot be stored is stored another time.
template <typename S, typename Storage>
std::uint64_t keep_snapshot(Storage& storage, const query_item& of, const folded_state<S>& from) {
  if (from.unsaved < static_cast<std::uint64_t>(S::snapshot_every)) return from.unsaved;
  try {
    const auto key = state_key<S>(of);
    const auto before = storage.get(key);
    static_cast<void>(storage.put(key, write_snapshot(from), before ? before->revision : 0));
    return 0;
  } catch (...) {  // The command is stored. Nothing makes that a failure.
    return from.unsaved;
  }
}

template <typename S, typename Storage>
std::optional<folded_state<S>> recall(Storage& storage, const query_item& of) {
  if constexpr (caches_states<Storage>)
    if (auto found = storage.template recall<S>(of)) return found;
  if constexpr (has_snapshots<S> && CellStorage<Storage>) return recall_snapshot<S>(storage, of);
  return std::nullopt;
}
template <typename S, typename Storage>
std::uint64_t keep(Storage& storage, const query_item& of, folded_state<S> from) {
  if constexpr (has_snapshots<S> && CellStorage<Storage>) from.unsaved = keep_snapshot<S>(storage, of, from);
  const auto left = from.unsaved;
  if constexpr (caches_states<Storage>) storage.template keep<S>(of, std::move(from));
  return left;
}

}  // namespace must::detail::pipeline
