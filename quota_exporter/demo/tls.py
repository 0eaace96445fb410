"""A throw-away certificate authority, so that the embedded servers speak TLS as real ones do."""

import ssl

import trustme


class Authority:
    """Signs certificates for loopback; trusted by nobody but who is given its PEM."""

    def __init__(self) -> None:
        self._ca = trustme.CA()

    @property
    def pem(self) -> bytes:
        """The authority's own certificate."""
        return self._ca.cert_pem.bytes()

    def server(self, *names: str, client_certificates: bool = False) -> ssl.SSLContext:
        """TLS of a server with these names; 127.0.0.1 and localhost always are among them.

        Args:
            names: More names in the certificate.
            client_certificates: Whether clients must show a certificate of this authority.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._ca.issue_cert("127.0.0.1", "localhost", *names).configure_cert(context)
        if client_certificates:
            context.verify_mode = ssl.CERT_REQUIRED
            self._ca.configure_trust(context)
        return context

    def client(self, name: str) -> tuple[bytes, bytes]:
        """Certificate and key of a client, as PEM."""
        issued = self._ca.issue_cert(common_name=name)
        return issued.cert_chain_pems[0].bytes(), issued.private_key_pem.bytes()
