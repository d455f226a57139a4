// SPDX-License-Identifier: MIT
// SQLite's file system with an end: the process is killed at a write, or a sync, of any file.
#pragma once

#include <sqlite3.h>

#include <unistd.h>
#include <csignal>
#include <cstddef>
#include <stdexcept>

namespace must_test {

// In place of the usual one, for the rest of the process. Counted are writes, truncations and syncs.
class killing_vfs {
 public:
  // Kills at the step `at`, from 1: before it, or when half of what it writes is written.
  static void install(int at, bool half) {
    left() = at;
    is_half() = half;
    usual() = ::sqlite3_vfs_find(nullptr);
    static ::sqlite3_vfs own = *usual();
    own.zName = "killing";
    own.szOsFile = static_cast<int>(sizeof(file)) + usual()->szOsFile;
    own.xOpen = &open;
    if (::sqlite3_vfs_register(&own, 1) != SQLITE_OK) throw std::runtime_error("no file system for SQLite");
  }

 private:
  struct file {
    ::sqlite3_file base;
    [[nodiscard]] ::sqlite3_file* real() { return reinterpret_cast<::sqlite3_file*>(this + 1); }
  };
  static int& left() {
    static int steps = 0;
    return steps;
  }
  static bool& is_half() {
    static bool half = false;
    return half;
  }
  static ::sqlite3_vfs*& usual() {
    static ::sqlite3_vfs* found = nullptr;
    return found;
  }
  [[noreturn]] static void end() {
    ::kill(::getpid(), SIGKILL);
    for (;;) ::pause();
  }
  static bool is_the_last() { return left() > 0 && --left() == 0; }
  static ::sqlite3_file* real(::sqlite3_file* of) { return reinterpret_cast<file*>(of)->real(); }

  // Calls the same method of the real file.
  template <auto Method, typename... Argument>
  static int pass(::sqlite3_file* of, Argument... argument) {
    return (real(of)->pMethods->*Method)(real(of), argument...);
  }
  template <auto Method, typename... Argument>
  static int step(::sqlite3_file* of, Argument... argument) {
    if (is_the_last()) end();
    return pass<Method>(of, argument...);
  }
  static int write(::sqlite3_file* of, const void* bytes, int size, ::sqlite3_int64 at) {
    const bool last = is_the_last();
    const int part = last ? (is_half() ? size / 2 : 0) : size;
    const int code = part == 0 ? SQLITE_OK : pass<&::sqlite3_io_methods::xWrite>(of, bytes, part, at);
    if (last) end();
    return code;
  }
  static void barrier(::sqlite3_file* of) { real(of)->pMethods->xShmBarrier(real(of)); }
  static int open(::sqlite3_vfs*, const char* name, ::sqlite3_file* into, int flags, int* got) {
    auto* const made = reinterpret_cast<file*>(into);
    made->base.pMethods = nullptr;
    const int code = usual()->xOpen(usual(), name, made->real(), flags, got);
    if (made->real()->pMethods != nullptr) made->base.pMethods = methods();
    return code;
  }
  static const ::sqlite3_io_methods* methods() {
    using io = ::sqlite3_io_methods;
    static const io all{
        2,
        &pass<&io::xClose>,
        &pass<&io::xRead, void*, int, ::sqlite3_int64>,
        &write,
        &step<&io::xTruncate, ::sqlite3_int64>,
        &step<&io::xSync, int>,
        &pass<&io::xFileSize, ::sqlite3_int64*>,
        &pass<&io::xLock, int>,
        &pass<&io::xUnlock, int>,
        &pass<&io::xCheckReservedLock, int*>,
        &pass<&io::xFileControl, int, void*>,
        &pass<&io::xSectorSize>,
        &pass<&io::xDeviceCharacteristics>,
        &pass<&io::xShmMap, int, int, int, void volatile**>,
        &pass<&io::xShmLock, int, int, int>,
        &barrier,
        &pass<&io::xShmUnmap, int>,
        nullptr,
        nullptr,
    };
    return &all;
  }
};

}  // namespace must_test
