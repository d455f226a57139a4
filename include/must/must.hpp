// SPDX-License-Identifier: MIT
// The core of `must`, which needs the standard library only. Stores, codecs and the rest have headers of their own.
#pragma once

// IWYU pragma: begin_exports
#include "must/append.hpp"
#include "must/as_of.hpp"
#include "must/codec/codec.hpp"
#include "must/command.hpp"
#include "must/config.hpp"
#include "must/decision.hpp"
#include "must/error.hpp"
#include "must/event.hpp"
#include "must/fwd.hpp"
#include "must/load.hpp"
#include "must/one_of.hpp"
#include "must/options.hpp"
#include "must/process_command.hpp"
#include "must/processed.hpp"
#include "must/query.hpp"
#include "must/record.hpp"
#include "must/result.hpp"
#include "must/storage.hpp"
#include "must/storage/kit/matching.hpp"
#include "must/timestamp.hpp"
#include "must/uuid.hpp"
// IWYU pragma: end_exports
