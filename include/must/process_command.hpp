// SPDX-License-Identifier: MIT
// process_command: runs a command, and stores its events.
#pragma once

#include "must/error.hpp"  // IWYU pragma: export
#include "must/process_command/process.hpp"
#include "must/processed.hpp"  // IWYU pragma: export
#include "must/result.hpp"     // IWYU pragma: export

namespace must {

/// Authorizes a command, validates it, translates it to events, stores them and handles them. It returns its errors.
///
/// When others append meanwhile what the command depends on, the rules run again. So rules have no side effects.
/// \param command  a Command
/// \param storage  any Storage. It is appended to once, and not at all when a rule refuses or there are no events.
/// \param options  what each rule gets as const&. They may hold must::metadata, attempts, deadline, identified_by,
///                 expected_version and return_state.
/// \returns must::processed, or an error: unauthorized, invalid, duplicate_command, duplicate_id, bad_input,
///          codec_error, erased, storage_error, outcome_unknown, or version_conflict when a stream is not at its
///          expected version, or when others append in between until the attempts or the deadline are used up
/// \throws ...  exceptions of rules and of apply that are neither of `must` nor a refusal, and std::bad_alloc
inline constexpr detail::pipeline::process_command_t<detail::pipeline::by_result> try_process_command{};

/// Runs a command as try_process_command does, and throws errors.
/// \returns must::processed, or throws
/// \throws must::exception  the exception of the error that try_process_command returns, such as must::invalid
/// \throws ...              what try_process_command throws
inline constexpr detail::pipeline::process_command_t<detail::pipeline::by_exception> process_command{};

}  // namespace must
