// SPDX-License-Identifier: MIT
// Observer: is told what a traced store is asked to do, how long it took, and how it failed.
#pragma once

#include "must/error.hpp"
#include "must/fwd.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace must {

/// The kinds of operations that are observed.
enum class operation_kind : std::uint8_t {
  command,  ///< A call of process_command, from its first read to the last be_handled.
  append,   ///< One append to the store. A command that meets conflicts has several.
  read,     ///< One read of the store, the time of its visitor included.
  handler   ///< One call of the handler of a subscription, for one event or for several.
};

/// Returns the name of a kind: "command", "append", "read" or "handler".
[[nodiscard]] constexpr std::string_view name_of(operation_kind kind) noexcept {
  constexpr std::string_view names[] = {"command", "append", "read", "handler"};
  return names[static_cast<std::uint8_t>(kind)];
}

/// One operation. Members that do not apply or are not known are empty. The texts live until the operation has stopped.
///
/// \see OpenTelemetry semantic conventions, "CloudEvents": cloudevents.event_id, _source, _type, _subject
struct operation {
  /// The kind of the operation.
  operation_kind kind = operation_kind::command;
  /// The type of the command, or of the first event. It is the stored name, where that is known.
  std::string_view type{};
  /// The id of the first event.
  std::string_view id{};
  /// The source of the first event.
  std::string_view source{};
  /// The stream of the first event.
  std::string_view stream{};
  /// The position of the first event. It is 0 when the event is not stored yet.
  must::position position = 0;
  /// The number of events that are appended or handled.
  std::size_t events = 0;
};

/// An observer is told of each operation: first `started(what)`, then `stopped(what, nanoseconds, why)`.
///
/// Both are called in the thread of the operation, and the second one is called however the operation ends.
/// `nanoseconds` is how long the operation took. `why` is null after a success, and otherwise the error that was
/// thrown, the refusal of the command, or the conflict of the append. Operations of one thread nest: an append of a
/// command stops before the command does. Both members are noexcept, and any number of threads call them at once.
/// \see must::traced, which makes a store tell an observer
template <typename O>
concept Observer = requires(O& observer, const operation& what, std::int64_t nanoseconds, const error* why) {
  { observer.started(what) } noexcept;
  { observer.stopped(what, nanoseconds, why) } noexcept;
};

/// An observer that observes nothing. A store that is traced by it runs the same code as a store that is not traced.
struct null_observer {
  void started(const operation&) noexcept {}                              ///< Does nothing.
  void stopped(const operation&, std::int64_t, const error*) noexcept {}  ///< Does nothing.
};

}  // namespace must
