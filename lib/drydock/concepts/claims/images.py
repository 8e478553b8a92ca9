"""What the guides say of images, the repositories that they are in, and how they are built."""

from __future__ import annotations

from drydock.concepts.claims.claim import Claim, Verdict

BUILDS = "builds of images"
REPOSITORIES = "repositories of images"

_ECR = "botocore 1.44.5, ECR API (documented)"
_SOFT = "not verified for this edition"

CLAIMS = (
    Claim(
        id="B13",
        lines="121, 627",
        subjects=(REPOSITORIES,),
        says="Tasks run my-app:latest, of a repository whose tags are immutable.",
        judged=(Verdict.INCONSISTENT,),
        holds="Then latest can be pushed once only. IMMUTABLE_WITH_EXCLUSION leaves single tags movable; a digest "
        "needs "
        "no tag. ECS resolves a tag once for each deployment, unless versionConsistency is switched off.",
        source="botocore 1.44.5, ECR and ECS API (documented)",
    ),
    Claim(
        id="B28",
        lines="629–631",
        subjects=(REPOSITORIES,),
        says="scan_on_push is set for each repository.",
        judged=(Verdict.OUTDATED,),
        holds="It is still accepted, for BASIC scans. The registry's configuration is for all repositories, and "
        "ENHANCED "
        "scans again when new findings are known.",
        source=_ECR,
    ),
    Claim(
        id="B29",
        lines="639–672",
        subjects=(REPOSITORIES,),
        says="The policy keeps the last 10 images, and those without a tag for a day.",
        judged=(Verdict.OVERSIMPLIFIED,),
        holds="The count is of images with a tag that begins with v. Those tagged sha-… or latest are nobody's, "
        "and stay for ever.",
        source="Amazon ECR User Guide, lifecycle policies (documented); run in ecr-lifecycle",
    ),
    Claim(
        id="B30",
        lines="675–696",
        subjects=(REPOSITORIES,),
        says="Three actions in a repository's policy let another account pull.",
        judged=(Verdict.RIGHT,),
        holds="They are enough on the repository's side. Who pulls also needs ecr:GetAuthorizationToken in an own "
        "policy.",
        source="Amazon ECR User Guide (documented)",
    ),
    Claim(
        id="B31",
        lines="701",
        subjects=(BUILDS,),
        says="The build begins with node:18-alpine.",
        judged=(Verdict.OUTDATED,),
        holds="Node 18 ended on 2025-04-30. The long-term releases are 22 and 24.",
        source=_SOFT,
    ),
    Claim(
        id="B32",
        lines="711, 717",
        subjects=(BUILDS,),
        says="npm ci --only=production comes before npm run build.",
        judged=(Verdict.WRONG,),
        holds="What builds is among the dependencies for development, which are not installed then. Install all, "
        "build, "
        "then npm prune --omit=dev.",
        source="npm's documentation (documented)",
    ),
    Claim(
        id="B33",
        lines="704–705, 730",
        subjects=(BUILDS,),
        says="A user that is made in the first stage runs the program in the last.",
        judged=(Verdict.OVERSIMPLIFIED,),
        holds="The last stage has no such name. USER 1001 works because it is a number. The files are root's, which is "
        "fine to read. Distroless images bring nonroot, 65532.",
        source="Dockerfile reference (documented)",
    ),
    Claim(
        id="B34",
        lines="720",
        subjects=(BUILDS,),
        says="The last stage is gcr.io/distroless/nodejs18-debian11.",
        judged=(Verdict.OUTDATED,),
        holds="It is no longer kept. And Alpine has musl where Debian has glibc: native modules that were installed in "
        "the first stage do not load in the last.",
        source=_SOFT,
    ),
    Claim(
        id="B35",
        lines="738",
        subjects=(BUILDS,),
        says="A label takes the image's version from VERSION.",
        judged=(Verdict.WRONG,),
        holds="There is no ARG VERSION in that stage, so the label is empty.",
        source="Dockerfile reference (documented); expanded in dockerfile-layers",
    ),
    Claim(
        id="B36",
        lines="734",
        subjects=(BUILDS,),
        says="The command of a distroless image for Node is the script alone.",
        judged=(Verdict.RIGHT,),
        holds="Its entrypoint is node.",
        source=_SOFT,
    ),
    Claim(
        id="B37",
        lines="126, 732",
        subjects=(BUILDS,),
        says="The image exposes 8080, and the task's port is 8080.",
        judged=(Verdict.RIGHT,),
        holds="They agree. EXPOSE opens nothing; portMappings is what counts.",
        source="Dockerfile reference (documented)",
    ),
)
