// error: must: the first argument of import is not a Storage: import\(store, avro_file\{path\}\)
// SPDX-License-Identifier: MIT
#include "must/storage/avro_import.hpp"
#include "must/storage/memory.hpp"

#ifdef MUST_COMPILE_FAIL
struct store_type {};
#else
using store_type = must::memory_store<>;
#endif
void run(store_type& store) { static_cast<void>(must::import(store, must::avro_file{"events.avro"})); }
