// SPDX-License-Identifier: MIT
// Tries whether a storage of objects refuses what it must refuse.
#pragma once

#include "must/error.hpp"
#include "must/storage/durable/attempts.hpp"
#include "must/storage/log/appending.hpp"
#include "must/storage/objects.hpp"

#include <string>
#include <string_view>

namespace must::detail::durable {

[[noreturn]] inline void raise_unfit(std::string_view what) {
  raise({.code = error_code::storage_error,
         .message = "open: the storage of objects " + std::string(what) + ", so that two writers could both win",
         .operation = "open",
         .backend_code = "unconditional"});
}

// Throws storage_error unless a key is put once, and replaced only by its etag.
template <ObjectStorage O>
void probe(O& objects, attempts& tries) {
  const auto key = "probe/" + log::new_id();
  const auto put = [&](auto&& how) {
    auto answer = tries.put(key, how);
    // The answer to a put that may have come through is that of the next: it is refused then.
    for (; answer.outcome == object_outcome::unknown; answer = tries.put(key, how)) {
      if (tries.is_over())
        raise({.code = error_code::storage_error,
               .message = "open: the storage of objects does not answer to a put: " + answer.reason,
               .operation = "open",
               .retryable = true});
      tries.pause();
    }
    return answer;
  };
  static_cast<void>(put([&] { return objects.put_if_absent(key, "1"); }));
  if (put([&] { return objects.put_if_absent(key, "2"); }).outcome == object_outcome::done)
    raise_unfit("puts a key twice when it is to be put if it is absent");
  if (put([&] { return objects.put_if_match(key, "3", "00000000000000000000000000000000"); }).outcome ==
      object_outcome::done)
    raise_unfit("replaces an object whose etag is another");
  const auto known = tries.read([&] { return objects.get(key, {}); });
  if (!known || known->bytes != "1") raise_unfit("does not give back the object that was put first");
  if (put([&] { return objects.put_if_match(key, "4", known->etag); }).outcome == object_outcome::refused &&
      tries.read([&] { return objects.get(key, {}); }).value_or(object()).bytes != "4")
    raise_unfit("does not replace an object by the etag that it gives");
  tries.read([&] { objects.remove(key); });
}

}  // namespace must::detail::durable
