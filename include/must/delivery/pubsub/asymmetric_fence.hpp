// SPDX-License-Identifier: MIT
// A pair of fences: one is met often and costs nothing, and the other is rare and pays for both.
#pragma once

#include <atomic>

#if defined(__linux__) && __has_include(<linux/membarrier.h>)
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace must::detail::delivery {

// Of a store before a light fence and a store before a heavy one, the load after the other fence sees at least one.
#if defined(__linux__) && __has_include(<linux/membarrier.h>)
inline bool register_heavy_fence() {
  return ::syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;
}
inline const bool has_heavy_fence = register_heavy_fence();

inline void light_fence() {
  if (has_heavy_fence) [[likely]]
    std::atomic_signal_fence(std::memory_order_seq_cst);
  else
    std::atomic_thread_fence(std::memory_order_seq_cst);
}
inline void heavy_fence() {
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (has_heavy_fence) ::syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
}
#else
inline void light_fence() { std::atomic_thread_fence(std::memory_order_seq_cst); }
inline void heavy_fence() { std::atomic_thread_fence(std::memory_order_seq_cst); }
#endif

}  // namespace must::detail::delivery
