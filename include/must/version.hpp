// SPDX-License-Identifier: MIT
// The version of `must`. It is written here and nowhere else: CMake reads it from these lines.
#pragma once

#ifdef MUST_VERSION_MAJOR
#warning "two versions of must meet here: the compiler is given the include folders of both"
#undef MUST_VERSION_MAJOR
#undef MUST_VERSION_MINOR
#undef MUST_VERSION_PATCH
#endif

#define MUST_VERSION_MAJOR 0
#define MUST_VERSION_MINOR 1
#define MUST_VERSION_PATCH 0
