// SPDX-License-Identifier: MIT
// directory_objects: a directory of a local disk as a storage of objects.
#pragma once

#include "must/detail/posix_file.hpp"
#include "must/detail/siphash.hpp"
#include "must/detail/wait.hpp"
#include "must/error.hpp"
#include "must/storage/kit/validate.hpp"
#include "must/storage/objects.hpp"
#include "must/storage/objects/folder_list.hpp"
#include "must/uuid.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace must {

/// What a power failure may lose of a directory of objects.
enum class directory_durability : std::uint8_t {
  full,  ///< Nothing that was stored: the file and its folder are synced before a put is done.
  none   ///< Whatever the system had not written yet. An object may be there without its bytes.
};

/// Where a directory of objects is, and how durable it is.
struct directory_options {
  std::string path{};                                            ///< The directory. Its parent must be there.
  directory_durability durability = directory_durability::full;  ///< What a power failure may lose.
};

/// A directory of a local disk as an ObjectStorage. Any number of threads and processes of one machine may use it.
///
/// An object is a file, whose name is its key: `/` in a key makes a folder. A part of a key between two `/` has 1 to
/// 255 bytes and does not start with a dot. An object is written aside, synced, and linked to its name, so that a file
/// is there whole or not at all, and of all that race one wins. To replace and to remove takes a lock, which ends with
/// the process that has it. Copies of this object are the same storage. Network file systems are not supported, since
/// their locks and links may fail to exclude others.
class directory_objects {
 public:
  /// Opens a directory, and makes it when it is not there. Removes what processes that were killed have left aside.
  /// \throws bad_input  when the path is empty or holds a NUL
  /// \throws storage_error  when it cannot be made or written, such as for a file in its place. The message says why.
  explicit directory_objects(directory_options options) : options_(std::move(options)) {
    if (options_.path.empty() || options_.path.find('\0') != std::string::npos)
      kit::refuse_input("path", "is empty or holds a NUL");
    while (options_.path.size() > 1 && options_.path.back() == '/') options_.path.pop_back();
    options_.path = detail::posix::resolve(options_.path, "open");
    for (const auto& folder : {options_.path, aside(), locks()}) make_folder("open", folder);
    sweep();
  }

  /// Stores an object unless there is one under the key. \see ObjectStorage
  /// \throws bad_input  for a key that no file can have
  /// \throws storage_error  when it cannot be stored, such as for a full disk: `backend_code` is the system's, "ENOSPC
  /// (28)"
  object_put put_if_absent(std::string_view key, std::string_view bytes) {
    constexpr std::string_view operation = "put_if_absent";
    const auto path = path_of(key);
    if (::access(path.c_str(), F_OK) == 0) return {object_outcome::refused, {}, {}};
    for (unsigned attempt = 0;; ++attempt) {
      const written_aside made(*this, operation, bytes);
      if (::link(made.path.c_str(), path.c_str()) == 0) return finish(path, bytes);
      const int code = errno;
      if (code == EEXIST) return {object_outcome::refused, {}, {}};
      if (code != ENOENT || attempt > 16) raise(detail::posix::failure(code, operation, path, "cannot be linked"));
      make_folders(operation, path);
    }
  }
  /// Replaces an object that has this etag. \see ObjectStorage
  /// \throws bad_input  for a key that no file can have
  /// \throws storage_error  when it cannot be stored
  object_put put_if_match(std::string_view key, std::string_view bytes, std::string_view etag) {
    constexpr std::string_view operation = "put_if_match";
    const auto path = path_of(key);
    const auto locked = lock(operation, key);
    if (!locked) return {object_outcome::retry, {}, path + " is locked by another"};
    const auto known = read(operation, path, {});
    if (!known || known->etag != etag) return {object_outcome::refused, {}, {}};
    written_aside made(*this, operation, bytes);
    if (::rename(made.path.c_str(), path.c_str()) != 0) {
      if (errno == ENOENT) return {object_outcome::retry, {}, made.path + " was swept"};
      raise(detail::posix::failure(errno, operation, path, "cannot be replaced"));
    }
    made.path.clear();
    return finish(path, bytes);
  }
  /// Returns a part of an object, or nothing when there is none. \see ObjectStorage
  /// \throws bad_input  for a key that no file can have
  /// \throws storage_error  when it cannot be read
  [[nodiscard]] std::optional<object> get(std::string_view key, object_range part = {}) {
    return read("get", path_of(key), part);
  }
  /// Returns objects whose keys start with a prefix and are greater than `after`. It reads the names of the folder of
  /// the prefix, all of them for each page. \see ObjectStorage \throws storage_error  when a folder cannot be read
  [[nodiscard]] object_page list(std::string_view prefix, std::string_view after) {
    check_there("list");
    return detail::objects::folder_list(options_.path, prefix, after).page();
  }
  /// Removes an object, if there is one. A power failure may bring it back. \see ObjectStorage
  /// \throws bad_input  for a key that no file can have
  /// \throws storage_error  when it cannot be removed, and, retryable, when another has locked it
  void remove(std::string_view key) {
    constexpr std::string_view operation = "remove";
    const auto path = path_of(key);
    const auto locked = lock(operation, key);
    if (!locked)
      raise({.code = error_code::storage_error,
             .message = "remove: " + path + " is locked by another",
             .operation = operation,
             .retryable = true});
    if (::unlink(path.c_str()) != 0 && errno != ENOENT)
      raise(detail::posix::failure(errno, operation, path, "cannot be removed"));
  }

 private:
  // A file that no object is yet, synced. It is removed with this object.
  struct written_aside {
    written_aside(const directory_objects& of, std::string_view operation, std::string_view bytes) : path(of.aside()) {
      auto& random = detail::random_source::of_this_thread();
      path += "/" + detail::format_uuid(random(), random(), 4);
      int code = 0;
      made = detail::posix::open_file(path, O_WRONLY | O_CREAT | O_EXCL, code);
      if (!made) raise(detail::posix::failure(code, operation, path, "cannot be made"));
      static_cast<void>(try_lock(made));  // Who sweeps leaves alone what is locked.
      code = detail::posix::write_at(made, bytes, 0);
      if (code == 0 && of.is_durable()) code = detail::posix::sync(made);
      if (code == 0) return;
      ::unlink(path.c_str());
      raise(detail::posix::failure(code, operation, path, "cannot be written"));
    }
    written_aside(const written_aside&) = delete;
    written_aside& operator=(const written_aside&) = delete;
    ~written_aside() {
      if (!path.empty()) ::unlink(path.c_str());
    }
    std::string path;
    detail::posix::descriptor made{};
  };

  [[nodiscard]] bool is_durable() const { return options_.durability == directory_durability::full; }
  [[nodiscard]] std::string aside() const { return options_.path + "/.aside"; }
  [[nodiscard]] std::string locks() const { return options_.path + "/.locks"; }
  [[nodiscard]] std::string path_of(std::string_view key) const {
    const auto refuse = [&](const char* why) { kit::refuse_input("key", "\"" + std::string(key) + "\" " + why); };
    constexpr std::size_t most = 255;
    for (std::size_t at = 0; at <= key.size();) {
      const auto end = std::min(key.find('/', at), key.size());
      if (end == at) refuse("is empty, or has an empty part");
      if (end - at > most) refuse("has a part of more than 255 bytes");
      if (key[at] == '.') refuse("has a part that starts with a dot");
      at = end + 1;
    }
    if (key.find('\0') != std::string_view::npos) refuse("holds a NUL");
    return options_.path + "/" + std::string(key);
  }
  [[nodiscard]] static std::string etag_of(std::string_view bytes) {
    constexpr char hex[] = "0123456789abcdef";
    std::string text;
    for (const unsigned byte : detail::siphash({}, bytes)) text.append({hex[byte >> 4U], hex[byte & 15U]});
    return text;
  }

  // Makes the name of a file durable that is there already.
  [[nodiscard]] object_put finish(const std::string& path, std::string_view bytes) const {
    try {
      if (is_durable()) detail::posix::sync_folder_of(path, "put");
    } catch (const storage_error& why) {
      return {object_outcome::unknown, {}, why.error().message};
    }
    return {object_outcome::done, etag_of(bytes), {}};
  }
  void check_there(std::string_view operation) const {
    if (!detail::posix::state_at(aside(), operation))
      raise(detail::posix::failure(ENOENT, operation, options_.path, "is not there any more"));
  }
  [[nodiscard]] std::optional<object> read(std::string_view operation, const std::string& path,
                                           const object_range& part) const {
    int code = 0;
    const auto from = detail::posix::open_file(path, O_RDONLY, code);
    if (code == ENOENT) {
      check_there(operation);
      return std::nullopt;
    }
    if (!from) raise(detail::posix::failure(code, operation, path, "cannot be opened"));
    const auto state = detail::posix::state_of(from, path, operation);
    if (!S_ISREG(state.mode)) raise(detail::posix::failure(EISDIR, operation, path));
    object made;
    made.size = state.size;
    const auto most = std::min(part.size, made.size - std::min(part.offset, made.size));
    made.bytes.resize(most);
    if (detail::posix::read_at(from, made.bytes.data(), most, part.offset, operation, path) != most)
      raise(detail::posix::failure(EIO, operation, path, "has become shorter"));
    if (most == made.size) made.etag = etag_of(made.bytes);
    return made;
  }
  [[nodiscard]] static bool try_lock(const detail::posix::descriptor& of) {
    return ::flock(of.get(), LOCK_EX | LOCK_NB) == 0;
  }
  // Waits for the lock of a key, which some keys share, and for no more than some hundred milliseconds.
  [[nodiscard]] detail::posix::descriptor lock(std::string_view operation, std::string_view key) const {
    const auto path = locks() + "/" + std::to_string(detail::siphash({}, key)[0] % 64);
    int code = 0;
    auto locked = detail::posix::open_file(path, O_RDWR | O_CREAT, code);
    if (!locked) raise(detail::posix::failure(code, operation, path, "cannot be opened"));
    for (unsigned attempt = 0; attempt < 40; ++attempt) {
      if (try_lock(locked)) return locked;
      if (errno != EWOULDBLOCK && errno != EINTR)
        raise(detail::posix::failure(errno, operation, path, "cannot be locked"));
      detail::back_off(attempt);
    }
    return {};
  }
  void make_folder(std::string_view operation, const std::string& path) const {
    if (::mkdir(path.c_str(), 0777) != 0) {
      if (errno != EEXIST) raise(detail::posix::failure(errno, operation, path, "cannot be made"));
      const auto found = detail::posix::state_at(path, operation);
      if (!found || !S_ISDIR(found->mode)) raise(detail::posix::failure(ENOTDIR, operation, path, "is in the way"));
    }
    // Who finds a folder that another has made syncs it, too, since the other may not have come to that.
    if (is_durable()) detail::posix::sync_folder_of(path, operation);
  }
  // Makes the folders above a file.
  void make_folders(std::string_view operation, const std::string& path) const {
    check_there(operation);
    for (auto at = path.find('/', options_.path.size() + 1); at != std::string::npos; at = path.find('/', at + 1))
      make_folder(operation, path.substr(0, at));
  }
  void sweep() const {
    for (const auto& name : detail::objects::names_in(aside())) {
      const auto path = aside() + "/" + name;
      int code = 0;
      const auto left = detail::posix::open_file(path, O_RDWR, code);
      if (left && try_lock(left)) ::unlink(path.c_str());
    }
  }

  directory_options options_;
};

static_assert(ObjectStorage<directory_objects>);

}  // namespace must
