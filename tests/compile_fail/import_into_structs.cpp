// error: must: import needs a store whose data is must::payload
// SPDX-License-Identifier: MIT
#include "must/storage/avro_import.hpp"
#include "must/storage/memory.hpp"

struct Done {
  static constexpr auto type = "Done";
};
#ifdef MUST_COMPILE_FAIL
using store_type = must::memory_store<Done>;
#else
using store_type = must::memory_store<>;
#endif
void run(store_type& store) { static_cast<void>(must::import(store, must::avro_file{"events.avro"})); }
