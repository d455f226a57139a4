// SPDX-License-Identifier: MIT
// A storage of objects that tells of each request before it makes it, and after it has.
#pragma once

#include "must/storage/objects.hpp"

#include <functional>
#include <optional>
#include <string_view>
#include <utility>

namespace must_test {

template <must::ObjectStorage O>
class watched_objects {
 public:
  using watcher = std::function<void(std::string_view operation, std::string_view key)>;

  watched_objects(O objects, watcher before, watcher after = {})
      : objects_(std::move(objects)), before_(std::move(before)), after_(std::move(after)) {}

  must::object_put put_if_absent(std::string_view key, std::string_view bytes) {
    return watch("put_if_absent", key, [&] { return objects_.put_if_absent(key, bytes); });
  }
  must::object_put put_if_match(std::string_view key, std::string_view bytes, std::string_view etag) {
    return watch("put_if_match", key, [&] { return objects_.put_if_match(key, bytes, etag); });
  }
  std::optional<must::object> get(std::string_view key, must::object_range part) {
    return watch("get", key, [&] { return objects_.get(key, part); });
  }
  must::object_page list(std::string_view prefix, std::string_view after) {
    return watch("list", prefix, [&] { return objects_.list(prefix, after); });
  }
  void remove(std::string_view key) {
    watch("remove", key, [&] {
      objects_.remove(key);
      return 0;
    });
  }

 private:
  template <typename Request>
  auto watch(std::string_view operation, std::string_view key, Request&& request) {
    if (before_) before_(operation, key);
    auto answer = request();
    if (after_) after_(operation, key);
    return answer;
  }
  O objects_;
  watcher before_, after_;
};

}  // namespace must_test
