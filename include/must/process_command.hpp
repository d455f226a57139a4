// SPDX-License-Identifier: MIT
// process_command: a command becomes stored events.
#pragma once

#include "must/error.hpp"  // IWYU pragma: export
#include "must/process_command/process.hpp"
#include "must/processed.hpp"  // IWYU pragma: export
#include "must/result.hpp"     // IWYU pragma: export

namespace must {

/// Runs a command: authorize, validate, translate, append, handle. What must can say is returned, not thrown.
///
/// \param command  \see Command
/// \param storage  any Storage; appended to once, atomically, and not at all when a rule refuses or there are no events
/// \param options  handed to every rule as const&; metadata, attempts, deadline and identified_by are must's own, in
/// any
///   place
/// \returns processed, or an error: unauthorized, invalid, version_conflict (at_version, or past deadline and
/// attempts),
///   duplicate_command, duplicate_id, bad_input, codec_error, erased, storage_error, outcome_unknown
/// \throws what is not must's: of the rules, of apply, std::bad_alloc
inline constexpr detail::pipeline::process_command_t<detail::pipeline::by_result> try_process_command{};

/// Runs a command as try_process_command does.
/// \returns what became of it
/// \throws unauthorized, invalid, version_conflict, ...: the exception of the error that try_process_command returns
inline constexpr detail::pipeline::process_command_t<detail::pipeline::by_exception> process_command{};

}  // namespace must
