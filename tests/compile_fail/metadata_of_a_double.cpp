// error: must: metadata holds bool, integers, texts, bytes, URIs and times of the system's clock: make a text of this value
// SPDX-License-Identifier: MIT
#include "must/metadata.hpp"

#ifdef MUST_COMPILE_FAIL
const must::metadata about{{"share", 0.5}};
#else
const must::metadata about{{"share", "0.5"}};
#endif
