#pragma once

#include <curl/curl.h>

namespace cordon::loop {

/// The lowest number that a descriptor opened now would get; −1 when none is free.
int lowest_free_descriptor() noexcept;

/// Has the pair of sockets by which curl_multi_wakeup() wakes closed on exec, which libcurl 7.88 forgets; it would stay
/// open in every program that the host starts. `first` is what lowest_free_descriptor() said before curl_multi_init().
/// Does nothing where the pair can't be told for certain from what other threads have opened since.
void close_wakeup_pair_on_exec(CURLM *multi, int first) noexcept;

}  // namespace cordon::loop
