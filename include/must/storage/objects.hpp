// SPDX-License-Identifier: MIT
// ObjectStorage: the few operations of object storage on which durable_store is built, and their outcomes.
#pragma once

#include "must/config.hpp"  // IWYU pragma: keep

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace must {

/// What became of an object that was put under a condition. What cannot be mended by trying again is thrown instead.
enum class object_outcome : std::uint8_t {
  done,     ///< The object is stored, whole and durable.
  refused,  ///< The condition does not hold, and nothing was stored: HTTP's 412, and 404 for put_if_match.
  retry,    ///< Nothing was stored, and the same put may succeed later: 409, 429 and 503, a connection refused.
  unknown   ///< The object may be stored, now or later: an answer that did not come, or 500, 502 and 504.
};

/// The answer to an object that was put under a condition.
struct object_put {
  /// What became of the object.
  object_outcome outcome = object_outcome::done;
  /// The etag of the object that is stored now. It is empty unless the outcome is `done`.
  std::string etag{};
  /// Why the outcome is `retry` or `unknown`, for a person to read. It holds no credentials.
  std::string reason{};
};

/// A part of an object. The default is the whole.
struct object_range {
  std::uint64_t offset = 0;         ///< The offset of the first byte.
  std::uint64_t size = UINT64_MAX;  ///< The highest number of bytes. Fewer are there at the end of an object.
};

/// An object, or a part of one.
struct object {
  std::string bytes{};     ///< The bytes that were asked for. There are none where a range starts behind the end.
  std::uint64_t size = 0;  ///< The size of the whole object, in bytes.
  std::string etag{};      ///< The etag of the whole object. A storage may leave it empty when it gives a part.
};

/// An object in a list.
struct object_entry {
  std::string key{};       ///< The key of the object.
  std::uint64_t size = 0;  ///< The size of the object, in bytes.
};

/// A part of a list of objects.
struct object_page {
  std::vector<object_entry> objects{};  ///< Objects in the order of their keys, bytewise. There may be none.
  bool complete = true;                 ///< Whether no object follows. Else the next page is after the last key.
};

/// A storage of objects under keys, such as S3 or a directory. Any number of threads and processes may use one at once.
///
/// - `put_if_absent(key, bytes)` stores an object unless there is one under the key. Of all that race, one is stored.
/// - `put_if_match(key, bytes, etag)` replaces an object that has this etag. It never makes an object.
/// - `get(key, range)` returns a part of an object, or nothing when there is none. It never returns a part of a part.
/// - `list(prefix, after)` returns objects whose keys start with a prefix and are greater than `after`.
/// - `remove(key)` removes an object, if there is one. It has no condition, since some storages ignore it.
///
/// What was stored before a call is seen by the call. An etag tells the bytes of one object from other bytes. Keys have
/// 1 to 512 bytes: letters, digits, `/`, `-`, `.`, `_` and `%`. Every member may throw storage_error, with a name of
/// the key; put says by `retry` what would be `retryable` elsewhere. A put that throws has stored nothing, and never
/// will.
template <typename O>
concept ObjectStorage = requires(O& objects, std::string_view text, object_range part) {
  { objects.put_if_absent(text, text) } -> std::same_as<object_put>;
  { objects.put_if_match(text, text, text) } -> std::same_as<object_put>;
  { objects.get(text, part) } -> std::same_as<std::optional<object>>;
  { objects.list(text, text) } -> std::same_as<object_page>;
  objects.remove(text);
};

}  // namespace must
