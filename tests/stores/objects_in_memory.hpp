// SPDX-License-Identifier: MIT
// A storage of objects in memory that does to each request what a test wants, and counts the requests.
#pragma once

#include "must/error.hpp"
#include "must/storage/objects.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace must_test {

// What becomes of a request.
enum class answer : std::uint8_t {
  given,      ///< the storage does what it is asked to
  busy,       ///< nothing is done, and the request may be made again
  forgotten,  ///< done as asked, but the answer does not come
  dropped,    ///< never done, and no answer comes
  late,       ///< no answer comes, and a put is done some requests later
  denied      ///< nothing is done, and never will be: a typed error
};

struct request_counts {
  std::size_t puts = 0, gets = 0, lists = 0, removes = 0;
  [[nodiscard]] std::size_t all() const { return puts + gets + lists + removes; }
};

// A handle: every copy is the same storage. Any number of threads may use it.
class objects_in_memory {
 public:
  struct request {
    std::string_view operation;  ///< "put_if_absent", "put_if_match", "get", "list", "remove"
    std::string_view key;
  };

  must::object_put put_if_absent(std::string_view key, std::string_view bytes) {
    return put({"put_if_absent", key}, [this, key = std::string(key), bytes = std::string(bytes)] {
      return all_->objects.contains(key) ? refused() : set(key, bytes);
    });
  }
  must::object_put put_if_match(std::string_view key, std::string_view bytes, std::string_view etag) {
    return put({"put_if_match", key},
               [this, key = std::string(key), bytes = std::string(bytes), etag = std::string(etag)] {
                 const auto found = all_->objects.find(key);
                 return found == all_->objects.end() || etag_of(found->second) != etag ? refused() : set(key, bytes);
               });
  }
  std::optional<must::object> get(std::string_view key, must::object_range part) {
    before({"get", key});
    const std::lock_guard lock(all_->mutex);
    ++all_->counts.gets;
    ask({"get", key});
    const auto found = all_->objects.find(key);
    if (found == all_->objects.end()) return std::nullopt;
    const auto& bytes = found->second;
    const auto at = std::min<std::uint64_t>(part.offset, bytes.size());
    return must::object{bytes.substr(at, part.size), bytes.size(), etag_of(bytes)};
  }
  must::object_page list(std::string_view prefix, std::string_view after) {
    before({"list", prefix});
    const std::lock_guard lock(all_->mutex);
    ++all_->counts.lists;
    ask({"list", prefix});
    must::object_page page;
    auto at = all_->objects.lower_bound(prefix);
    if (after >= prefix) at = all_->objects.upper_bound(after);
    for (; at != all_->objects.end() && at->first.starts_with(prefix); ++at) {
      if (page.objects.size() == all_->page_size) {
        page.complete = false;
        break;
      }
      page.objects.push_back({at->first, at->second.size()});
    }
    return page;
  }
  void remove(std::string_view key) {
    before({"remove", key});
    const std::lock_guard lock(all_->mutex);
    ++all_->counts.removes;
    ask({"remove", key});
    if (const auto found = all_->objects.find(key); found != all_->objects.end()) all_->objects.erase(found);
  }

  // Decides about each request; called under the lock.
  void answer_by(std::function<answer(const request&)> script) { all_->script = std::move(script); }
  // Is called before each request, under no lock.
  void before_each(std::function<void(const request&)> what) { all_->before = std::move(what); }
  void set_page_size(std::size_t size) { all_->page_size = size; }
  [[nodiscard]] request_counts counts() const {
    const std::lock_guard lock(all_->mutex);
    return all_->counts;
  }
  // The objects as they are, past the script.
  [[nodiscard]] std::map<std::string, std::string, std::less<>> objects() const {
    const std::lock_guard lock(all_->mutex);
    return all_->objects;
  }
  void set_objects(std::map<std::string, std::string, std::less<>> objects) {
    const std::lock_guard lock(all_->mutex);
    all_->objects = std::move(objects);
  }
  [[nodiscard]] std::vector<std::string> keys(std::string_view prefix) const {
    std::vector<std::string> found;
    for (const auto& [key, bytes] : objects())
      if (key.starts_with(prefix)) found.push_back(key);
    return found;
  }

 private:
  static must::object_put refused() { return {must::object_outcome::refused, {}, {}}; }
  // Other bytes have another etag, as in S3.
  static std::string etag_of(const std::string& bytes) { return std::to_string(std::hash<std::string>{}(bytes)); }
  must::object_put set(const std::string& key, const std::string& bytes) {
    all_->objects.insert_or_assign(key, bytes);
    return {must::object_outcome::done, etag_of(bytes), {}};
  }
  void before(const request& of) {
    if (all_->before) all_->before(of);
  }
  template <typename Put>
  must::object_put put(const request& of, Put&& put) {
    before(of);
    const std::lock_guard lock(all_->mutex);
    ++all_->counts.puts;
    deliver();
    const must::object_put unknown{must::object_outcome::unknown, {}, "no answer"};
    switch (decide(of)) {
      case answer::given: return put();
      case answer::busy: return {must::object_outcome::retry, {}, "busy"};
      case answer::forgotten: static_cast<void>(put()); return unknown;
      case answer::dropped: return unknown;
      case answer::late: all_->late.emplace_back(put); return unknown;
      case answer::denied: deny(of);
    }
    return unknown;
  }
  answer decide(const request& of) { return all_->script ? all_->script(of) : answer::given; }
  void ask(const request& of) {
    deliver();
    const auto what = decide(of);
    if (what == answer::given) return;
    if (what == answer::denied) deny(of);
    must::raise({.code = must::error_code::storage_error,
                 .message = std::string(of.operation) + ": the storage is busy",
                 .operation = of.operation,
                 .retryable = true});
  }
  [[noreturn]] static void deny(const request& of) {
    must::raise({.code = must::error_code::storage_error,
                 .message = std::string(of.operation) + ": the storage denies " + std::string(of.key),
                 .operation = of.operation});
  }
  // A put that is late is done at the third request from then on, or so.
  void deliver() {
    if (all_->late.empty() || ++all_->calls % 3 != 0) return;
    static_cast<void>(all_->late.front()());
    all_->late.erase(all_->late.begin());
  }

  struct all_of_it {
    std::mutex mutex{};
    std::map<std::string, std::string, std::less<>> objects{};
    request_counts counts{};
    std::function<answer(const request&)> script{};
    std::function<void(const request&)> before{};
    std::vector<std::function<must::object_put()>> late{};
    std::size_t page_size = 1'000;
    std::size_t calls = 0;
  };
  std::shared_ptr<all_of_it> all_ = std::make_shared<all_of_it>();
};
static_assert(must::ObjectStorage<objects_in_memory>);

// Draws an answer for each request. It is called under the lock of a storage.
inline auto random_answers(std::uint64_t seed) {
  return [random = std::mt19937_64(seed)](const objects_in_memory::request&) mutable {
    constexpr answer odd[] = {answer::busy, answer::forgotten, answer::dropped, answer::late};
    const auto drawn = random() % 30;
    return drawn < std::size(odd) ? odd[drawn] : answer::given;
  };
}

}  // namespace must_test
