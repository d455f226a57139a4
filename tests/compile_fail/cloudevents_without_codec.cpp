// error: must: an event has no codec: include must/codec/json\.hpp and give the event to_json and from_json
// SPDX-License-Identifier: MIT
#include "must/cloudevents.hpp"

#include "declared_store.hpp"

#ifdef MUST_COMPILE_FAIL
#else
template <>
struct must::codec<Done> {
  static payload encode(const ::Done&);
  static ::Done decode(const payload&);
};
#endif

std::string run(const must::recorded<must::one_of<Done>>& event) { return must::cloudevents::to_json(event); }
