// SPDX-License-Identifier: MIT
// Observer: is told what a traced store is asked to do, how long it took, and how it failed.
#pragma once

#include "must/error.hpp"
#include "must/fwd.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace must {

/// What is observed.
enum class operation_kind : std::uint8_t {
  command,  ///< process_command, from its first read to the last of its be_handled
  append,   ///< an append to the store, with its condition; a command that meets conflicts has several
  read,     ///< a read, its visitor included
  handler   ///< what a subscription calls for an event, or for some at once
};

/// "command", "append", "read" or "handler".
[[nodiscard]] constexpr const char* operation_name(operation_kind kind) noexcept {
  constexpr const char* names[] = {"command", "append", "read", "handler"};
  return names[static_cast<std::uint8_t>(kind)];
}

/// One operation. What does not apply, or is not known, is empty; the texts live until it has stopped.
///
/// \see OpenTelemetry semantic conventions, "CloudEvents": cloudevents.event_id, _source, _type, _subject
struct operation {
  operation_kind kind = operation_kind::command;  ///< which of the four it is
  std::string_view type{};      ///< of the command, or of the first event; as event_type says, where that is known
  std::string_view id{};        ///< of the first event, as are those that follow
  std::string_view source{};    ///< of that event
  std::string_view subject{};   ///< its stream
  must::position position = 0;  ///< 0 for an event that is not stored yet
  std::size_t events = 0;       ///< that are appended or handled
};

/// Is told of operations: `started(what)`, then `stopped(what, nanoseconds, why)` in the same thread, whatever
/// happened.
///
/// `why` is null after a success; else what was thrown, the refusal of a command, the conflict of an append. Operations
/// of one thread nest: an append of a command stops before the command does. Both members are noexcept, and are called
/// by any number of threads.
template <typename O>
concept Observer = requires(O& observer, const operation& what, std::int64_t nanoseconds, const error* why) {
  { observer.started(what) } noexcept;
  { observer.stopped(what, nanoseconds, why) } noexcept;
};

/// Observes nothing: a store that is traced by it runs the code of one that is not.
struct null_observer {
  void started(const operation&) noexcept {}                              ///< does nothing
  void stopped(const operation&, std::int64_t, const error*) noexcept {}  ///< does nothing
};

}  // namespace must
