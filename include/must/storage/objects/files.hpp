// SPDX-License-Identifier: MIT
// The system calls of a directory of objects, with errors that name the file and what the system says.
#pragma once

#include "must/error.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/types.h>
#include <unistd.h>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace must::detail::objects {

// Returns the name of an error of the system, such as "ENOSPC", or its number.
[[nodiscard]] inline std::string errno_name(int code) {
  switch (code) {
    case EACCES: return "EACCES";
    case EBUSY: return "EBUSY";
    case EFBIG: return "EFBIG";
    case EIO: return "EIO";
    case EISDIR: return "EISDIR";
    case ELOOP: return "ELOOP";
    case EMFILE: return "EMFILE";
    case ENAMETOOLONG: return "ENAMETOOLONG";
    case ENFILE: return "ENFILE";
    case ENOENT: return "ENOENT";
    case ENOMEM: return "ENOMEM";
    case ENOSPC: return "ENOSPC";
    case ENOTDIR: return "ENOTDIR";
    case EPERM: return "EPERM";
    case EROFS: return "EROFS";
    default: return std::to_string(code);
  }
}

[[nodiscard]] inline std::string what_failed(const std::string& path, std::string_view what, int code) {
  return path + " " + std::string(what) + ": " + std::error_code(code, std::generic_category()).message();
}
[[noreturn]] inline void raise_file(std::string_view operation, const std::string& path, std::string_view what,
                                    int code) {
  raise({.code = error_code::storage_error,
         .message = std::string(operation) + ": " + what_failed(path, what, code),
         .operation = operation,
         .backend_code = errno_name(code),
         .retryable = code == EMFILE || code == ENFILE || code == ENOMEM || code == EBUSY});
}

// An open file, which is closed with its lock.
class file {
 public:
  explicit file(int descriptor = -1) noexcept : descriptor_(descriptor) {}
  file(file&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  file& operator=(file&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  ~file() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  [[nodiscard]] static file open(const std::string& path, int flags) {
    for (;;) {
      const int descriptor = ::open(path.c_str(), flags | O_CLOEXEC, 0666);
      if (descriptor >= 0 || errno != EINTR) return file(descriptor);
    }
  }
  [[nodiscard]] explicit operator bool() const noexcept { return descriptor_ >= 0; }
  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }

  // The members that follow return 0 or the error of the system.
  [[nodiscard]] int write(std::string_view bytes) const {
    while (!bytes.empty()) {
      const auto done = ::write(descriptor_, bytes.data(), bytes.size());
      if (done > 0) bytes.remove_prefix(static_cast<std::size_t>(done));
      if (done == 0) return ENOSPC;
      if (done < 0 && errno != EINTR) return errno;
    }
    return 0;
  }
  // Reads as many bytes as the text has, or fewer at the end of the file.
  [[nodiscard]] int read(std::string& bytes, std::uint64_t offset) const {
    for (std::size_t at = 0; at < bytes.size();) {
      const auto done = ::pread(descriptor_, bytes.data() + at, bytes.size() - at, static_cast<::off_t>(offset + at));
      if (done < 0 && errno != EINTR) return errno;
      if (done == 0) bytes.resize(at);
      if (done > 0) at += static_cast<std::size_t>(done);
    }
    return 0;
  }
  [[nodiscard]] int sync_data() const {
#if defined(__linux__)
    return ::fdatasync(descriptor_) == 0 ? 0 : errno;
#else
    return ::fsync(descriptor_) == 0 ? 0 : errno;
#endif
  }
  // Locks the file against all others that lock it, unless one has locked it. Returns whether it did.
  [[nodiscard]] bool try_lock() const { return ::flock(descriptor_, LOCK_EX | LOCK_NB) == 0; }

 private:
  int descriptor_;
};

// Makes the names in a folder durable. Returns 0 or the error of the system.
[[nodiscard]] inline int sync_folder(const std::string& path) {
  const auto folder = file::open(path, O_RDONLY | O_DIRECTORY);
  if (!folder) return errno;
  return ::fsync(folder.descriptor()) == 0 ? 0 : errno;
}

}  // namespace must::detail::objects
