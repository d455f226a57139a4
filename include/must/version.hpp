// SPDX-License-Identifier: MIT
// The version of must. Written down here and nowhere else: CMake reads it from these lines.
#pragma once

#define MUST_VERSION_MAJOR 0
#define MUST_VERSION_MINOR 1
#define MUST_VERSION_PATCH 0
