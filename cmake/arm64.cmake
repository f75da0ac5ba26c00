# Cross build for arm64 with Debian's cross compiler and multiarch libraries.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
set(CMAKE_EXE_LINKER_FLAGS_INIT "-s")

# libfdt comes from the cache: its -dev packages of two architectures exclude each other.
if(DEFINED ENV{RVMM_CACHE})
  list(PREPEND CMAKE_PREFIX_PATH "$ENV{RVMM_CACHE}/sysroot")
elseif(DEFINED ENV{XDG_CACHE_HOME})
  list(PREPEND CMAKE_PREFIX_PATH "$ENV{XDG_CACHE_HOME}/rvmm/sysroot")
else()
  list(PREPEND CMAKE_PREFIX_PATH "$ENV{HOME}/.cache/rvmm/sysroot")
endif()
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_IGNORE_PATH /usr/lib/x86_64-linux-gnu /lib/x86_64-linux-gnu)
