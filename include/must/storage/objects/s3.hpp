// SPDX-License-Identifier: MIT
// s3_objects: the objects of a bucket of S3, or of a server that speaks like it, as an ObjectStorage.
#pragma once

#include "must/detail/crc32c.hpp"
#include "must/http/message.hpp"
#include "must/storage/objects.hpp"  // IWYU pragma: export
#include "must/storage/objects/s3/answers.hpp"
#include "must/storage/objects/s3/options.hpp"  // IWYU pragma: export
#include "must/storage/objects/s3/session.hpp"
#include "must/text/base64.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace must {

/// The objects of one bucket under one prefix, by libcurl: an ObjectStorage for durable_store. Any number of threads
/// may use one. A process that was forked makes one of its own.
///
/// An operation is tried again, with pauses, while the server is busy. A put is not tried again when its answer is
/// lost, since it may have been carried out: its outcome is `unknown` then. Keys that have expired are renewed once,
/// and a clock that differs from the server's is put right once, within the operation.
///
/// Errors are storage_error. `backend_code` is the service's code, such as "NoSuchBucket", or the status of HTTP.
/// \see ObjectStorage, which says what each member does
class s3_objects {
 public:
  /// Makes no request yet.
  /// \throws bad_input  when an option is outside its range, or there are no credentials. `field` names the option.
  explicit s3_objects(s3_options options) : session_(std::make_unique<detail::s3::session>(std::move(options))) {}

  /// Stores an object unless there is one under the key, by one request with `If-None-Match: *`.
  /// \throws storage_error  when the bucket is missing, the keys are wrong, or the server refuses for another reason
  [[nodiscard]] object_put put_if_absent(std::string_view key, std::string_view bytes) {
    return put(key, bytes, {"If-None-Match", "*"}, {412});
  }
  /// Replaces an object that has this etag, by one request with `If-Match`.
  /// \throws storage_error  as put_if_absent does
  [[nodiscard]] object_put put_if_match(std::string_view key, std::string_view bytes, std::string_view etag) {
    return put(key, bytes, {"If-Match", std::string(etag)}, {404, 412});
  }
  /// Returns a part of an object, or nothing when there is none. A body that is cut short is never returned.
  /// \throws storage_error  when the object cannot be read; `retryable` when the server was busy for too long
  [[nodiscard]] std::optional<object> get(std::string_view key, object_range part = {}) {
    const bool is_whole = part.offset == 0 && part.size > most_bytes;
    if (part.size == 0) return measured(key);
    detail::s3::operation asks{.name = "get", .key = key, .most_bytes = most_bytes, .expects = {404, 416}};
    const auto size = std::min<std::uint64_t>(part.size, most_bytes);
    if (is_whole)
      asks.headers.push_back({"x-amz-checksum-mode", "ENABLED"});
    else
      asks.headers.push_back({"Range", range_text(part.offset, size)});
    for (unsigned attempt = 0;; ++attempt) {
      auto made = answered(asks);
      if (made.answer.status == 404) return missing(asks, made);
      if (made.answer.status == 416) return measured(key);
      object found{.bytes = std::move(made.answer.body), .etag = std::string(detail::s3::etag_in(made.answer))};
      if (fits(made.answer, found, part.offset, size, is_whole)) return found;
      if (attempt > 0) session_->fail(asks, "the server answers with a part of the object, or with other bytes", true);
    }
  }
  /// Returns up to 1,000 objects whose keys start with a prefix and are greater than `after`.
  /// \throws storage_error  when the server answers with no list, or with one that is out of order
  [[nodiscard]] object_page list(std::string_view prefix, std::string_view after = {}) {
    const auto& before = session_->prefix();
    const auto whole = before + std::string(prefix);
    detail::s3::operation asks{.name = "list", .key = {}, .most_bytes = 16U << 20U};
    std::string token;
    for (;;) {
      asks.query = {{"list-type", "2"}, {"encoding-type", "url"}, {"prefix", whole}};
      if (!after.empty()) asks.query.emplace_back("start-after", before + std::string(after));
      if (!token.empty()) asks.query.emplace_back("continuation-token", token);
      auto all = detail::s3::list_in(answered(asks).answer.body);
      if (!all) session_->fail(asks, "the server answers with something that is no list of objects", false);
      std::string_view last = after;
      for (auto& one : all->page.objects) {
        if (!one.key.starts_with(whole)) session_->fail(asks, "the list holds a key that was not asked for", false);
        one.key.erase(0, before.size());
        if (!last.empty() && one.key <= last) session_->fail(asks, "the keys of the list are out of order", false);
        last = one.key;
      }
      if (all->page.complete || !all->page.objects.empty()) return std::move(all->page);
      if (all->continuation.empty() || all->continuation == token)
        session_->fail(asks, "the list goes on, and the server does not say where", false);
      token = std::move(all->continuation);
    }
  }
  /// Removes an object, if there is one.
  /// \throws storage_error  when the object may still be there; `retryable` when the server was busy for too long
  void remove(std::string_view key) {
    detail::s3::operation asks{.name = "remove", .method = "DELETE", .key = key, .expects = {404}};
    const auto made = answered(asks);
    if (made.answer.status == 404) static_cast<void>(missing(asks, made));
  }

 private:
  static constexpr std::size_t most_bytes = std::size_t{1} << 30U;

  static std::string range_text(std::uint64_t first, std::uint64_t size) {
    const auto last = size - 1 > UINT64_MAX - first ? UINT64_MAX : first + size - 1;
    return "bytes=" + std::to_string(first) + '-' + std::to_string(std::min<std::uint64_t>(last, INT64_MAX));
  }
  static std::string checksum_of(std::string_view bytes) {
    const auto sum = detail::crc32c(bytes);
    std::string big_endian;
    for (unsigned shift = 32; shift > 0; shift -= 8)
      big_endian += static_cast<char>(static_cast<unsigned char>(sum >> (shift - 8)));
    return detail::text::to_base64(big_endian);
  }

  object_put put(std::string_view key, std::string_view bytes, detail::http::header condition,
                 std::vector<int> refusals) {
    detail::s3::operation asks{.name = "put",
                               .method = "PUT",
                               .key = key,
                               .headers = {std::move(condition),
                                           {"Content-Type", "application/octet-stream"},
                                           {"x-amz-checksum-crc32c", checksum_of(bytes)}},
                               .body = bytes,
                               .is_repeatable = false,
                               .expects = std::move(refusals)};
    auto made = session_->run(asks);
    if (made.what == detail::s3::trouble::busy)
      return {.outcome = object_outcome::retry, .reason = std::move(made.sentence)};
    if (made.what == detail::s3::trouble::unknown)
      return {.outcome = object_outcome::unknown, .reason = std::move(made.sentence)};
    if (made.answer.status == 404) {
      static_cast<void>(missing(asks, made));
      return {.outcome = object_outcome::refused};
    }
    if (made.answer.status == 412) return {.outcome = object_outcome::refused};
    // A server may find out that it fails when it has begun to answer.
    const auto etag = detail::s3::etag_in(made.answer);
    if (etag.empty() || !detail::s3::refusal_in(made.answer).code.empty())
      return {.outcome = object_outcome::unknown, .reason = "the server answers to a put without an ETag"};
    return {.outcome = object_outcome::done, .etag = std::string(etag)};
  }
  detail::s3::outcome answered(const detail::s3::operation& asks) {
    auto made = session_->run(asks);
    if (made.what != detail::s3::trouble::none) session_->fail(asks, made, true);
    return made;
  }
  // There is no such object. Whatever else is missing, such as the bucket, is an error.
  std::optional<object> missing(const detail::s3::operation& asks, const detail::s3::outcome& made) {
    const auto& why = made.why;
    if (why.code == "NoSuchKey" || (made.answer.body.empty() && asks.method == "HEAD")) return std::nullopt;
    auto told = made;
    told.code = why.code.empty() ? "404" : why.code;
    told.sentence = told.code + (why.code == "NoSuchBucket" ? ": the bucket is missing" : ": there is no such address");
    session_->fail(asks, told, false);
  }
  // Returns no bytes, and the size of an object.
  std::optional<object> measured(std::string_view key) {
    detail::s3::operation asks{.name = "get", .method = "HEAD", .key = key, .expects = {404}};
    const auto made = answered(asks);
    if (made.answer.status == 404) return missing(asks, made);
    const auto size = detail::s3::number_in(made.answer.value_of("content-length"));
    if (!size) session_->fail(asks, "the server does not say how large the object is", false);
    return object{.size = *size, .etag = std::string(detail::s3::etag_in(made.answer))};
  }
  // Completes an object that was read, and returns whether its bytes are those that were asked for.
  static bool fits(const detail::http::response& answer, object& found, std::uint64_t offset, std::uint64_t size,
                   bool is_whole) {
    if (found.etag.empty()) return false;
    if (answer.status == 206) {
      const auto range = detail::s3::range_in(answer);
      found.size = range.size.value_or(0);
      const auto wanted = found.size > offset ? std::min(size, found.size - offset) : 0;
      return range.size && range.first == offset && found.bytes.size() == wanted;
    }
    found.size = found.bytes.size();
    if (!is_whole) {  // A server may answer with the whole.
      found.bytes.erase(0, static_cast<std::size_t>(std::min<std::uint64_t>(offset, found.bytes.size())));
      found.bytes.resize(static_cast<std::size_t>(std::min<std::uint64_t>(size, found.bytes.size())));
      return true;
    }
    // Without a length, an answer that was cut off looks like a whole one.
    if (answer.value_of("content-length").empty() && answer.value_of("transfer-encoding").empty()) return false;
    const auto sum = answer.value_of("x-amz-checksum-crc32c");
    return sum.empty() || sum == checksum_of(found.bytes);
  }

  std::unique_ptr<detail::s3::session> session_;
};

static_assert(ObjectStorage<s3_objects>);

}  // namespace must
