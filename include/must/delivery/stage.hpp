// SPDX-License-Identifier: MIT
// Stages: a producer gives no more events than its consumers ask for.
#pragma once

// IWYU pragma: begin_exports
#include "must/delivery/stage/consumer.hpp"
#include "must/delivery/stage/flow.hpp"
#include "must/delivery/stage/producer.hpp"
#include "must/delivery/stage/source.hpp"
#include "must/delivery/stage/stage_delivery.hpp"
