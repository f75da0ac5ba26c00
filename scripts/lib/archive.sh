# shellcheck shell=bash
# The Debian archive, read without root: apt with a private state folder for each suite, the mirror
# that this machine uses, its proxy and login settings, and the archive's signatures checked.
# Needs CODENAME and WORK. Nothing here knows what is fetched.

MIRROR=      # the URI, found once
SIGNED_BY=   # a deb822 field, or nothing
declare -A OPENED=() # suite -> yes | no

# find_mirror: which URI serves the machine's own release? A third party's repository may use the
# same suite name, so the archive's own Origin counts most. Without an index at hand (containers often
# drop it) apt still says what it would fetch.
find_mirror() {
  # shellcheck disable=SC2016 # apt's own variables
  MIRROR=$(apt-get indextargets --format '$(REPO_URI)|$(RELEASE)|$(COMPONENT)|$(CODENAME)|$(ORIGIN)' \
    'Created-By: Packages' 2>/dev/null | awk -F'|' -v release="$CODENAME" '
      $3 == "main" && ($2 == release || $4 == release) {
        score = 1 + ($2 == release) + 2 * ($5 == "Debian")
        if (score > best) { best = score; uri = $1 }
      }
      END { print uri }')
  if [[ -z $MIRROR ]]; then
    MIRROR=$(apt-get update --print-uris 2>/dev/null |
      sed -nE "s|^'(.*/)dists/$CODENAME/main/binary-[^/]*/Packages.*|\1|p" |
      awk '/\/debian\/$/ && !best { best = $0 } !first { first = $0 } END { print best ? best : first }')
  fi
  [[ -n $MIRROR ]] || die 69 "apt here knows no mirror of $CODENAME: check its sources, then 'apt-get update'"
  SIGNED_BY=$(mirror_signed_by)
}

# mirror_signed_by: the Signed-By field for MIRROR: what the machine has, and the archive's keyring
# (newer releases may be signed with keys that a narrower file lacks).
mirror_signed_by() {
  local keyring=/usr/share/keyrings/debian-archive-keyring.gpg field='' folder list
  eval "$(apt-config shell list Dir::Etc::sourcelist/f folder Dir::Etc::sourceparts/d)"
  shopt -s nullglob
  local files=("${folder%/}"/*.sources) lists=("${folder%/}"/*.list "$list")
  shopt -u nullglob
  ((${#files[@]} == 0)) || field=$(deb822_signed_by "${files[@]}")
  [[ -n $field ]] || field=$(one_line_signed_by "${lists[@]}")
  [[ -e $keyring ]] || keyring=
  if [[ -z $field ]]; then
    field=${keyring:+Signed-By: $keyring}
  elif [[ $field != *$'\n'* && $field == *:*/* ]]; then
    field="${field//,/ }${keyring:+ $keyring}"
  fi
  printf '%s' "$field"
}

# The Signed-By field, with its further lines, of the stanza that has MIRROR among its URIs.
deb822_signed_by() {
  awk -v uri="${MIRROR%/}" '
    function finish() { if (has && field != "" && answer == "") answer = field; has = 0; field = "" }
    FNR == 1 || /^[ \t]*$/ { finish(); key = "" }
    /^#/ || /^[ \t]*$/ { next }
    /^[^ \t]/ { key = tolower($0); sub(/[ \t]*:.*/, "", key) }
    key == "uris" {
      for (i = 1; i <= NF; i++) {
        u = $i; sub(/^[Uu][Rr][Ii][Ss]:/, "", u); sub(/\/$/, "", u)
        if (u == uri) has = 1
      }
    }
    key == "signed-by" { field = field (field == "" ? "" : "\n") $0 }
    END { finish(); printf "%s", answer }' "$@"
}

one_line_signed_by() {
  cat -- "$@" 2>/dev/null | awk -v uri="${MIRROR%/}" '
    $1 == "deb" && (index($0, uri " ") || index($0, uri "/ ")) && match($0, /signed-by=[^] \t]+/) && !done {
      print "Signed-By: " substr($0, RSTART + 10, RLENGTH - 10); done = 1
    }' || true
}

# apt_in SUITE COMMAND...: an apt command that sees this suite alone, for arm64, and an empty dpkg status.
apt_in() {
  local suite=$1 command=$2
  shift 2
  "$command" -c "$WORK/apt/$suite/apt.conf" "$@"
}

# open_suite SUITE: reads its index (once in a run); fails if the mirror has no such suite.
open_suite() {
  local suite=$1 state=$WORK/apt/$1
  if [[ -z ${OPENED[$suite]:-} ]]; then
    [[ -n $MIRROR ]] || find_mirror
    write_apt_state "$state" "$suite"
    say "reading the index of $suite"
    OPENED[$suite]=no
    # A suite that the mirror lacks is no error as long as another one serves: archive_failures tells.
    if apt_in "$suite" apt-get update -q --error-on=any >"$state/log" 2>&1; then
      OPENED[$suite]=yes
    fi
  fi
  [[ ${OPENED[$suite]} == yes ]]
}

# archive_failures SUITE...: what apt said where it could not read one of these.
archive_failures() {
  local suite
  for suite in "$@"; do
    [[ ${OPENED[$suite]:-yes} == yes ]] || grep -hE '^[EW]:' "$WORK/apt/$suite/log" >&2 || true
  done
}

write_apt_state() {
  local state=$1 suite=$2
  mkdir -p -- "$state"/{lists/partial,archives/partial,sources}
  : >"$state/status"
  cat >"$state/sources/debian.sources" <<END
Types: deb
URIs: $MIRROR
Suites: $suite
Components: main
Architectures: arm64
Targets: Packages
Languages: none
PDiffs: no
$SIGNED_BY
END
  # Read after the machine's own configuration (apt -c), which else keeps applying.
  cat >"$state/apt.conf" <<END
Dir::State "$state";
Dir::State::lists "$state/lists";
Dir::State::status "$state/status";
Dir::State::extended_states "$state/extended_states";
Dir::Cache "$state";
Dir::Cache::archives "$state/archives";
Dir::Cache::pkgcache "pkgcache.bin";
Dir::Cache::srcpkgcache "";
Dir::Log "$state";
Dir::Etc::sourcelist "/dev/null";
Dir::Etc::sourceparts "$state/sources";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
APT::Architecture "arm64";
#clear APT::Architectures;
APT::Architectures { "arm64"; };
APT::Immediate-Configure "false";
APT::Install-Recommends "false";
#clear APT::Default-Release;
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
Acquire::Retries "1";
END
  # As root, apt's download user could not write to a private folder.
  ((EUID != 0)) || echo 'APT::Sandbox::User "root";' >>"$state/apt.conf"
}

# versions_in SUITE PACKAGE: its versions there, newest first.
versions_in() {
  apt_in "$1" apt-cache madison "$2" 2>/dev/null | awk -F'|' '{ gsub(/ /, "", $2) } !seen[$2]++ { print $2 }'
}

# depends_in SUITE PACKAGE VERSION: lines "package version" of its dependencies, first alternatives
# only; VERSION where none is demanded. Fails if the suite has no such package.
depends_in() {
  local record
  # A package that others only mention gives no record, and no error.
  record=$(apt_in "$1" apt-cache show "$2=$3" 2>/dev/null) && [[ -n $record ]] || return 1
  sed -nE 's/^(Pre-)?Depends: //p' <<<"$record" | tr ',' '\n' | awk -v version="$3" '
    { sub(/\|.*/, ""); gsub(/[()]/, ""); sub(/:any/, "", $1); print $1, $2 == "=" ? $3 : version }'
}

# sizes_in SUITE PACKAGE=VERSION...: lines "file size".
sizes_in() {
  local suite=$1
  shift
  apt_in "$suite" apt-get download --print-uris -qq "$@" 2>/dev/null | awk '{ print $2, $3 }'
}

# with_dependencies_in SUITE PACKAGE...: lines "package version": these and all they depend on.
with_dependencies_in() {
  local suite=$1 uris
  shift
  uris=$(apt_in "$suite" apt-get install --print-uris -qq -y "$@") || return 1
  awk '/^\047/ { split($2, part, "_"); gsub(/%3a/, ":", part[2]); print part[1], part[2] }' <<<"$uris"
}

# download_in SUITE FOLDER PACKAGE=VERSION...: apt checks each file against the signed index.
download_in() {
  local suite=$1 folder=$2
  shift 2
  (cd -- "$folder" && quietly "$WORK/log" apt_in "$suite" apt-get download -q "$@")
}
