// SPDX-License-Identifier: MIT
// Lists the files below a folder in the order of their keys, a page at a time.
#pragma once

#include "must/detail/posix_file.hpp"
#include "must/error.hpp"
#include "must/storage/objects.hpp"

#include <dirent.h>
#include <sys/stat.h>
#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace must::detail::objects {

// Returns the names in a folder, but for those that start with a dot. There are none when there is no such folder.
[[nodiscard]] inline std::vector<std::string> names_in(const std::string& path) {
  struct close {
    void operator()(::DIR* folder) const { ::closedir(folder); }
  };
  const std::unique_ptr<::DIR, close> folder(::opendir(path.c_str()));
  if (folder == nullptr && errno == ENOENT) return {};
  if (folder == nullptr) raise(posix::failure(errno, "list", path, "cannot be opened"));
  std::vector<std::string> names;
  for (errno = 0; const auto* const one = ::readdir(folder.get()); errno = 0)
    if (one->d_name[0] != '.') names.emplace_back(static_cast<const char*>(one->d_name));
  if (errno != 0) raise(posix::failure(errno, "list", path, "cannot be read"));
  return names;
}

class folder_list {
 public:
  // Lists the files below `root` whose keys start with a prefix and are greater than `after`, `most` on a page.
  folder_list(std::string root, std::string_view prefix, std::string_view after, std::size_t most = 65'536)
      : root_(std::move(root)), prefix_(prefix), after_(after), most_(most) {}

  [[nodiscard]] object_page page() {
    const auto folder = prefix_.find_last_of('/');
    visit(folder == std::string_view::npos ? std::string() : std::string(prefix_.substr(0, folder + 1)));
    keep_least();
    page_.complete = is_complete_;
    return std::move(page_);
  }

 private:
  static bool is_less(const object_entry& left, const object_entry& right) { return left.key < right.key; }

  // `folder` is the part of the keys that all of the folder share. It is empty, or ends with "/".
  void visit(const std::string& folder) {
    for (const auto& name : names_in(root_ + "/" + folder)) {
      auto key = folder + name;
      // A key that is out of reach may be that of a folder whose keys are not.
      const auto below = key + "/";
      if (!key.starts_with(prefix_) && !prefix_.starts_with(below)) continue;
      if (below <= after_ && !after_.starts_with(below)) continue;
      const auto found = posix::state_at(root_ + "/" + key, "list");
      if (!found) continue;  // It was removed meanwhile.
      if (S_ISDIR(found->mode)) {
        visit(below);
      } else if (key.starts_with(prefix_) && key > after_) {
        page_.objects.push_back({std::move(key), found->size});
        if (page_.objects.size() >= 2 * most_) keep_least();
      }
    }
  }
  void keep_least() {
    auto& all = page_.objects;
    std::sort(all.begin(), all.end(), is_less);
    // A file that is replaced while a folder is read may be there twice.
    const auto is_same = [](const auto& left, const auto& right) { return left.key == right.key; };
    all.erase(std::unique(all.begin(), all.end(), is_same), all.end());
    if (all.size() <= most_) return;
    all.resize(most_);
    is_complete_ = false;
  }

  std::string root_;
  std::string_view prefix_, after_;
  std::size_t most_;
  object_page page_{};
  bool is_complete_ = true;
};

}  // namespace must::detail::objects
