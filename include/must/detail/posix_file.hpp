// SPDX-License-Identifier: MIT
// Files by the calls of POSIX: whole reads and writes, files that appear whole or not at all, and typed errors.
#pragma once

#include "must/error.hpp"
#include "must/text/quoted.hpp"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace must::detail::posix {

// Returns "ENOSPC (28)", or "errno 28" for a number that has no name here.
inline std::string code_text(int code) {
  struct named {
    int code;
    const char* name;
  };
  // NOLINTBEGIN(misc-include-cleaner): <cerrno> has them all.
  constexpr std::array names{
      named{EACCES, "EACCES"}, named{EAGAIN, "EAGAIN"},   named{EBADF, "EBADF"},   named{EDQUOT, "EDQUOT"},
      named{EEXIST, "EEXIST"}, named{EFBIG, "EFBIG"},     named{EINTR, "EINTR"},   named{EINVAL, "EINVAL"},
      named{EIO, "EIO"},       named{EISDIR, "EISDIR"},   named{ELOOP, "ELOOP"},   named{EMFILE, "EMFILE"},
      named{ENFILE, "ENFILE"}, named{ENOENT, "ENOENT"},   named{ENOLCK, "ENOLCK"}, named{ENOMEM, "ENOMEM"},
      named{ENOSPC, "ENOSPC"}, named{ENOTDIR, "ENOTDIR"}, named{EPERM, "EPERM"},   named{EROFS, "EROFS"},
      named{ESTALE, "ESTALE"}, named{ETXTBSY, "ETXTBSY"}, named{EXDEV, "EXDEV"},   named{ENAMETOOLONG, "ENAMETOOLONG"},
  };
  // NOLINTEND(misc-include-cleaner)
  for (const auto& one : names)
    if (one.code == code) return std::string(one.name) + " (" + std::to_string(code) + ")";
  return "errno " + std::to_string(code);
}

// Returns whether the same call may succeed when it is made again, without a change to anything.
inline bool is_passing(int code) {
  return code == EINTR || code == EAGAIN || code == ENOMEM || code == EMFILE || code == ENFILE || code == ENOLCK;
}

// Returns the error of a call that has failed with `code` on the file `path`.
inline error failure(int code, std::string_view operation, std::string_view path, std::string_view what = {}) {
  std::string message(operation);
  message.append(": the file ").append(text::in_quotes(path)).append(": ");
  if (!what.empty()) message.append(what).append(": ");
  message += std::generic_category().message(code);
  return {.code = error_code::storage_error,
          .message = std::move(message),
          .operation = operation,
          .backend_code = code_text(code),
          .retryable = is_passing(code)};
}

// The number of an open file, which it closes.
class descriptor {
 public:
  descriptor() noexcept = default;
  explicit descriptor(int number) noexcept : number_(number) {}
  descriptor(descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  descriptor& operator=(descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  [[nodiscard]] int get() const noexcept { return number_; }
  explicit operator bool() const noexcept { return number_ >= 0; }

 private:
  int number_ = -1;
};

// What tells a file from every other one.
struct file_place {
  ::dev_t device{};
  ::ino_t number{};
  friend bool operator==(const file_place&, const file_place&) = default;
};

struct file_state {
  file_place place{};
  std::uint64_t size = 0;
  ::mode_t mode{};
};

// Returns the file at a path, and nothing when none is there.
inline std::optional<file_state> state_at(const std::string& path, std::string_view operation) {
  struct ::stat is{};
  if (::stat(path.c_str(), &is) == 0)
    return file_state{{is.st_dev, is.st_ino}, static_cast<std::uint64_t>(is.st_size), is.st_mode};
  if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
  raise(failure(errno, operation, path));
}
inline file_state state_of(const descriptor& file, const std::string& path, std::string_view operation) {
  struct ::stat is{};
  if (::fstat(file.get(), &is) != 0) raise(failure(errno, operation, path));
  return {{is.st_dev, is.st_ino}, static_cast<std::uint64_t>(is.st_size), is.st_mode};
}

// Opens a file, and returns nothing where `code` says why not.
inline descriptor open_file(const std::string& path, int flags, int& code, ::mode_t mode = 0666) {
  for (;;) {
    const int number = ::open(path.c_str(), flags | O_CLOEXEC | O_NOCTTY, mode);
    if (number < 0 && errno == EINTR) continue;
    code = number < 0 ? errno : 0;
    return descriptor(number);
  }
}

// Writes all bytes at an offset. Returns 0, or the code of the failure, after which some of them may be written.
[[nodiscard]] inline int write_at(const descriptor& file, std::string_view bytes, std::uint64_t offset) {
  while (!bytes.empty()) {
    const auto written = ::pwrite(file.get(), bytes.data(), bytes.size(), static_cast<::off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    if (written == 0) return EIO;
    bytes.remove_prefix(static_cast<std::size_t>(written));
    offset += static_cast<std::uint64_t>(written);
  }
  return 0;
}

// Reads bytes at an offset, and returns how many there are: fewer than `size` at the end of the file.
inline std::size_t read_at(const descriptor& file, char* into, std::size_t size, std::uint64_t offset,
                           std::string_view operation, std::string_view path) {
  std::size_t done = 0;
  while (done < size) {
    const auto read = ::pread(file.get(), into + done, size - done, static_cast<::off_t>(offset + done));
    if (read < 0 && errno == EINTR) continue;
    if (read < 0) raise(failure(errno, operation, path));
    if (read == 0) break;
    done += static_cast<std::size_t>(read);
  }
  return done;
}

// Brings what was written to the disk. Returns 0, or the code of the failure.
[[nodiscard]] inline int sync(const descriptor& file) {
  for (;;) {
#if defined(__linux__)
    if (::fdatasync(file.get()) == 0) return 0;
#elif defined(F_FULLFSYNC)
    if (::fcntl(file.get(), F_FULLFSYNC) == 0 || ::fsync(file.get()) == 0) return 0;
#else
    if (::fsync(file.get()) == 0) return 0;
#endif
    if (errno != EINTR) return errno;
  }
}

// Makes a file as long as that, which cuts off what is behind. Returns 0, or the code of the failure.
[[nodiscard]] inline int cut(const descriptor& file, std::uint64_t size) {
  while (::ftruncate(file.get(), static_cast<::off_t>(size)) != 0)
    if (errno != EINTR) return errno;
  return 0;
}

// Returns the folder of a file.
inline std::string folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// Brings the names in the folder of a file to the disk.
inline void sync_folder_of(const std::string& path, std::string_view operation) {
  const auto folder = folder_of(path);
  int code = 0;
  const auto open = open_file(folder, O_RDONLY | O_DIRECTORY, code);
  if (!open) raise(failure(code, operation, folder));
  if (::fsync(open.get()) != 0 && errno != EINVAL) raise(failure(errno, operation, folder));
}

// Gives a file another name, unless a file has that name. Returns false when one has it.
inline bool rename_new(const std::string& from, const std::string& to, std::string_view operation) {
  if (::link(from.c_str(), to.c_str()) == 0) {
    ::unlink(from.c_str());
    return true;
  }
  if (errno == EEXIST) return false;
#if defined(__linux__) && defined(RENAME_NOREPLACE)
  if (errno == EPERM || errno == EOPNOTSUPP || errno == EMLINK) {  // The file system has no hard links.
    if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return true;
    if (errno == EEXIST) return false;
  }
#endif
  raise(failure(errno, operation, to));
}

// Returns the path of a file without links and from the root on, whether the file is there or not.
inline std::string resolve(std::string path, std::string_view operation) {
  for (int links = 0; links < 40; ++links) {
    const auto folder = folder_of(path);
    char* const real = ::realpath(folder.c_str(), nullptr);
    if (real == nullptr) raise(failure(errno, operation, path));
    std::string whole(real);
    ::free(real);
    if (whole != "/") whole += '/';
    const auto slash = path.rfind('/');
    whole += slash == std::string::npos ? path : path.substr(slash + 1);
    struct ::stat is{};
    if (::lstat(whole.c_str(), &is) != 0 || !S_ISLNK(is.st_mode)) return whole;
    std::array<char, 4'096> target{};
    const auto size = ::readlink(whole.c_str(), target.data(), target.size());
    if (size < 0) raise(failure(errno, operation, whole));
    const std::string_view leads(target.data(), static_cast<std::size_t>(size));
    path = leads.starts_with('/') ? std::string(leads) : folder_of(whole) + "/" + std::string(leads);
  }
  raise(failure(ELOOP, operation, path));
}

}  // namespace must::detail::posix
