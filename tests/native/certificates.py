# SPDX-License-Identifier: BSD-2-Clause
"""Certificates for tests, made by openssl in a folder of the test's."""
import datetime
import subprocess


def openssl(*words, text=None):
    return subprocess.run(["openssl", *map(str, words)], check=True, text=True,
                          input=text, capture_output=True).stdout


class Authority:
    """Its own certificate is ca-cert.pem."""

    def __init__(self, folder, name="an authority"):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.certificate = folder / "ca-cert.pem"
        self.key = folder / "ca-key.pem"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt",
                "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj",
                f"/CN={name}", "-keyout", self.key, "-out", self.certificate,
                "-addext", "basicConstraints=critical,CA:TRUE",
                "-addext", "keyUsage=critical,keyCertSign")

    def issue(self, folder, what, purpose=None, days=(-1, 30), kind="ec"):
        """WHAT-cert.pem and WHAT-key.pem, from and until so many days."""
        folder.mkdir(parents=True, exist_ok=True)
        key = folder / f"{what}-key.pem"
        certificate = folder / f"{what}-cert.pem"
        request = folder / "request.pem"
        extensions = folder / "extensions"
        more = (["-pkeyopt", "ec_paramgen_curve:P-256"] if kind == "ec"
                else [])
        openssl("req", "-newkey", kind, *more, "-nodes", "-subj",
                f"/CN={what}", "-keyout", key, "-out", request)
        key.chmod(0o600)
        extensions.write_text(
            "[e]\nsubjectAltName=IP:127.0.0.1,DNS:localhost\n" +
            (f"extendedKeyUsage={purpose}\n" if purpose else ""))
        (folder / "index").write_text("")
        now = datetime.datetime.now(datetime.timezone.utc)
        begin, end = ((now + datetime.timedelta(days=n)).strftime(
            "%Y%m%d%H%M%SZ") for n in days)
        settings = folder / "settings"
        settings.write_text(
            f"[ca]\ndefault_ca=d\n[d]\ndatabase={folder}/index\n"
            f"new_certs_dir={folder}\nrand_serial=yes\npolicy=p\n"
            "default_md=sha256\nunique_subject=no\n"
            "[p]\ncommonName=supplied\n")
        openssl("ca", "-batch", "-notext", "-config", settings, "-cert",
                self.certificate, "-keyfile", self.key, "-in", request, "-out",
                certificate, "-startdate", begin, "-enddate", end,
                "-extfile", extensions, "-extensions", "e")
        return certificate, key
