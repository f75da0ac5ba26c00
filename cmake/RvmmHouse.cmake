# What every room is built with: warnings, sanitizers, the cache that scripts/setup fills, and the
# function that makes a room a target which links only what the dependency table allows.

# rvmm's bytes must not depend on where it was built.
add_compile_options(-ffile-prefix-map=${PROJECT_SOURCE_DIR}=.)
add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-Wall> $<$<COMPILE_LANGUAGE:CXX>:-Wextra>
                    $<$<COMPILE_LANGUAGE:CXX>:-Wconversion> $<$<COMPILE_LANGUAGE:CXX>:-Wshadow>
                    $<$<COMPILE_LANGUAGE:CXX>:-Werror>)
if(RVMM_SANITIZE)
  add_compile_options(-fsanitize=${RVMM_SANITIZE} -fno-omit-frame-pointer
                      -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${RVMM_SANITIZE})
endif()
if(RVMM_STATIC)
  add_compile_options(-ffunction-sections -fdata-sections)
  # --no-warnings: libcrypto names resolver functions that rvmm never calls.
  add_link_options(-static -Wl,--gc-sections -Wl,--no-warnings)
endif()

find_program(RVMM_CCACHE ccache)
if(RVMM_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${RVMM_CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${RVMM_CCACHE})
endif()

# The cache folder of scripts/setup: UAPI headers, libfdt for arm64, kernels, busybox.
if(DEFINED ENV{RVMM_CACHE})
  set(_rvmm_cache "$ENV{RVMM_CACHE}")
elseif(DEFINED ENV{XDG_CACHE_HOME})
  set(_rvmm_cache "$ENV{XDG_CACHE_HOME}/rvmm")
else()
  set(_rvmm_cache "$ENV{HOME}/.cache/rvmm")
endif()
set(RVMM_CACHE "${_rvmm_cache}" CACHE PATH "The folder that scripts/setup fills")
if(NOT EXISTS "${RVMM_CACHE}/manifest.json")
  message(FATAL_ERROR "${RVMM_CACHE}/manifest.json is missing: run scripts/setup first")
endif()

# Linux's UAPI for arm64, on any build machine. Only vmm/ may use it.
add_library(rvmm_kvm_uapi INTERFACE)
target_include_directories(rvmm_kvm_uapi SYSTEM INTERFACE ${RVMM_CACHE}/uapi)

if(RVMM_STATIC)
  set(CMAKE_FIND_LIBRARY_SUFFIXES .a)
  set(OPENSSL_USE_STATIC_LIBS ON)
endif()
find_package(Threads REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
find_package(ZLIB REQUIRED)
find_library(RVMM_ZSTD_LIBRARY NAMES zstd REQUIRED)
find_library(RVMM_FDT_LIBRARY NAMES fdt REQUIRED)
find_library(RVMM_URING_LIBRARY NAMES uring REQUIRED)
find_library(RVMM_RE2_LIBRARY NAMES re2 REQUIRED)
find_path(RVMM_FDT_INCLUDE libfdt.h REQUIRED)

add_library(rvmm_fdt INTERFACE)
target_link_libraries(rvmm_fdt INTERFACE ${RVMM_FDT_LIBRARY})
target_include_directories(rvmm_fdt SYSTEM INTERFACE ${RVMM_FDT_INCLUDE})

# ALIGNED_ALLOC: Asio 1.22 looks for it in what happens to be included before it, so sources would
# disagree on how memory is freed.
add_library(rvmm_asio INTERFACE)
target_compile_definitions(rvmm_asio INTERFACE
  ASIO_STANDALONE ASIO_NO_DEPRECATED ASIO_SEPARATE_COMPILATION
  ASIO_HAS_CO_AWAIT ASIO_HAS_STD_COROUTINE ASIO_HAS_STD_ALIGNED_ALLOC)
target_link_libraries(rvmm_asio INTERFACE Threads::Threads)

set(RVMM_TESTS_FOLDER ${PROJECT_SOURCE_DIR}/tests)
# rvmm_join_folders(TARGET SOURCES...)
# With RVMM_JOIN_FOLDERS, the sources of a folder are compiled as one: a third of the time. So the
# names in the anonymous namespaces of one folder's sources differ. Without it, which finds includes
# that are missing, RVMM_JOIN_TESTS joins tests alone.
function(rvmm_join_folders target)
  cmake_path(IS_PREFIX RVMM_TESTS_FOLDER "${CMAKE_CURRENT_SOURCE_DIR}" is_test)
  if(NOT RVMM_JOIN_FOLDERS AND NOT (RVMM_JOIN_TESTS AND is_test))
    return()
  endif()
  foreach(source IN LISTS ARGN)
    cmake_path(GET source PARENT_PATH folder)
    cmake_path(RELATIVE_PATH folder BASE_DIRECTORY ${PROJECT_SOURCE_DIR})
    string(MAKE_C_IDENTIFIER "${folder}" group)
    set_source_files_properties(${source} PROPERTIES UNITY_GROUP ${group})
  endforeach()
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP)
  # GCC takes the sources that it is told to include for headers.
  target_compile_options(${target} PRIVATE
    $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-Wno-subobject-linkage>)
  if(is_test)
    # GCC takes a local "json" for one that hides the library's.
    target_compile_options(${target} PRIVATE $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-Wno-shadow>)
  endif()
endfunction()

# rvmm_room(NAME ROOMS other rooms... LIBRARIES targets...)
# Makes the static library rvmm_NAME from the sources of this folder. Room names in ROOMS become
# public links, so a room's includes reach exactly the rooms that it names and those below.
function(rvmm_room name)
  cmake_parse_arguments(ROOM "" "" "ROOMS;LIBRARIES;PRIVATE" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  add_library(rvmm_${name} STATIC ${sources})
  rvmm_join_folders(rvmm_${name} ${sources})
  if(RVMM_BUILD_FUZZ)
    target_compile_options(rvmm_${name} PRIVATE -fsanitize=fuzzer-no-link)  # coverage feedback
  endif()
  # Each room sees a folder that holds only the rooms it may include: src/<room> by name.
  target_include_directories(rvmm_${name} PUBLIC ${PROJECT_SOURCE_DIR}/src)
  foreach(room IN LISTS ROOM_ROOMS)
    target_link_libraries(rvmm_${name} PUBLIC rvmm_${room})
  endforeach()
  target_link_libraries(rvmm_${name} PUBLIC ${ROOM_LIBRARIES} PRIVATE ${ROOM_PRIVATE})
endfunction()
