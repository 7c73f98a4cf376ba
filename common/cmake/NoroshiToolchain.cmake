# Warnings, sanitizers, compiler cache and linker: the same for every target.

add_library(noroshi_flags INTERFACE)
target_compile_options(noroshi_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual
  -Wcast-qual -Wformat=2 -Werror)
target_compile_definitions(noroshi_flags INTERFACE
  NOROSHI_VERSION="${PROJECT_VERSION}"
  # The hub logs one line and refuses; it never throws across a folder's border.
  BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_DISABLE_BOOST_COROUTINE)
target_include_directories(noroshi_flags INTERFACE ${CMAKE_SOURCE_DIR})

if(CMAKE_BUILD_TYPE STREQUAL "Release")
  target_compile_options(noroshi_flags INTERFACE -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIE)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    # At -O2 GCC 12 sees overlaps in std::string::replace and operator+ that are
    # not there (GCC bug 105651).
    target_compile_options(noroshi_flags INTERFACE -Wno-restrict)
  endif()
  target_link_options(noroshi_flags INTERFACE -pie -Wl,-z,relro,-z,now)
endif()

if(NOROSHI_SANITIZE MATCHES "thread" AND NOROSHI_SANITIZE MATCHES "address")
  message(FATAL_ERROR "NOROSHI_SANITIZE: thread and address exclude each other; use two build folders")
endif()
if(NOROSHI_FUZZ)
  # Coverage of all our code guides the fuzzers, not only that of the targets.
  target_compile_options(noroshi_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(NOROSHI_SANITIZE)
  target_compile_options(noroshi_flags INTERFACE -fsanitize=${NOROSHI_SANITIZE} -fno-omit-frame-pointer)
  target_link_options(noroshi_flags INTERFACE -fsanitize=${NOROSHI_SANITIZE})
  # What GCC's manual says: with sanitizers this warning is often false (std::regex, optional).
  target_compile_options(noroshi_flags INTERFACE
    $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
  if(NOROSHI_SANITIZE MATCHES "undefined")
    # These four triple the compile time of coroutine code and repeat what ASan finds.
    target_compile_options(noroshi_flags INTERFACE
      -fno-sanitize=null,alignment,vptr,object-size -fno-sanitize-recover=all)
  endif()
  if(NOROSHI_SANITIZE MATCHES "thread" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(noroshi_flags INTERFACE -Wno-tsan)  # Asio's atomic_thread_fence
  endif()
endif()

find_program(NOROSHI_CCACHE ccache)
if(NOROSHI_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${NOROSHI_CCACHE})
endif()
find_program(NOROSHI_MOLD mold)
if(NOROSHI_MOLD AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND NOT CMAKE_BUILD_TYPE STREQUAL "Release")
  add_link_options(-fuse-ld=mold)
endif()
