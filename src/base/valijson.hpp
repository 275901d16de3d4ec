#pragma once

// The only way to valijson: without memory its own allocator gives null, which its containers do not look for. The
// specialisation has to be seen before what uses it.

// clang-format off
#include <cstddef>
#include <limits>
#include <new>
#include <valijson/internal/custom_allocator.hpp>
// clang-format on

template <>
inline valijson::internal::CustomAllocator<void *>::CustomAllocator()
    : m_allocFn([](std::size_t size) { return ::operator new(size); }), m_freeFn(::operator delete) {}

#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validation_results.hpp>
#include <valijson/validator.hpp>
